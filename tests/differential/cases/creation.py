"""Making tensors: values, dtypes inferred and given, errors."""
# ruff: noqa: E501 - a case is one line, however long.

from __future__ import annotations

from cases import Case, lines

CASES: list[Case] = lines(
    """
torch.tensor(1)
torch.tensor(1.5)
torch.tensor(True)
torch.tensor(1j)
torch.tensor([1, 2])
torch.tensor([1, 2.5])
torch.tensor([True, 2])
torch.tensor([[1, 2], [3, 4]])
torch.tensor([[1, 2], [3]])
torch.tensor([])
torch.tensor([[]])
torch.tensor((1, 2))
torch.tensor([1, 2], dtype=torch.float16)
torch.tensor([1.9, -1.9], dtype=torch.int32)
torch.tensor([0, 2], dtype=torch.bool)
torch.tensor([1.0], dtype=torch.bfloat16)
torch.tensor([300], dtype=torch.uint8)
torch.tensor(2**40)
torch.tensor(2**63)
torch.tensor(2**70)
torch.tensor(-2**63)
torch.tensor([1, 2], requires_grad=True)
torch.tensor([1.0, 2], requires_grad=True)
torch.tensor(np.array([1, 2], dtype=np.int16))
torch.tensor(np.array([[1.0, 2.0]]))
torch.tensor(np.float64(2))
torch.tensor([np.float32(1), np.float32(2)])
torch.tensor([np.array([1, 2]), np.array([3, 4])])
torch.tensor(a)
torch.tensor([zero_d, zero_d])
torch.tensor([torch.tensor(1), torch.tensor(2)])
torch.tensor("x")
torch.tensor(["x"])
torch.tensor(None)
torch.tensor([None])
torch.tensor({})
torch.tensor()
torch.tensor([1], dtype="float")
torch.tensor([1], device="cpu")
torch.tensor([1], device="cuda")
torch.tensor(range(3))
torch.tensor(1.0, dtype=torch.int64)
torch.tensor(float("nan"))
torch.tensor([float("inf"), 1e400])
torch.tensor(3.4e39)
torch.as_tensor(a) is a
torch.as_tensor([1, 2])
torch.as_tensor(np.array([1.0]))
torch.as_tensor(a, dtype=torch.float64)
torch.asarray([1.0])
torch.from_numpy(np.arange(3))
torch.from_numpy(np.arange(3, dtype=np.uint16))
torch.from_numpy([1])
torch.from_numpy(np.array(["x"]))
torch.from_numpy(np.arange(6)[::-1])
torch.from_numpy(np.arange(6).astype(">i4"))
torch.zeros(2, 3)
torch.zeros((2, 3))
torch.zeros([2])
torch.zeros(())
torch.zeros(2, dtype=torch.int32)
torch.zeros(2, requires_grad=True)
torch.zeros(-1)
torch.zeros(2.5)
torch.zeros("x")
torch.zeros(size=(2,))
torch.ones(2, 3)
torch.ones(2, dtype=torch.bool)
torch.ones(torch.Size([2, 1]))
torch.full((2, 3), 1.5)
torch.full((2,), 3)
torch.full((2,), True)
torch.full((2,), 3, dtype=torch.float16)
torch.full((), 2.0)
torch.full(2, 2.0)
torch.empty(2, 3).shape
torch.empty((0, 3))
torch.empty(2, dtype=torch.int64).dtype
torch.zeros_like(a)
torch.zeros_like(i)
torch.zeros_like(flipped)
torch.zeros_like(a, dtype=torch.int64)
torch.ones_like(h)
torch.ones_like(a, requires_grad=True)
torch.full_like(a, 2)
torch.full_like(i, 2)
torch.full_like(a, 2, dtype=torch.float64)
torch.empty_like(flipped).stride()
torch.empty_like(stepped).stride()
torch.arange(5)
torch.arange(5.0)
torch.arange(1, 5)
torch.arange(1, 5, 2)
torch.arange(5, 1, -1)
torch.arange(0, 1, 0.1)
torch.arange(0.5, 3)
torch.arange(3, dtype=torch.float32)
torch.arange(0, 1, 0.3, dtype=torch.float64)
torch.arange(5, 1)
torch.arange(1, 5, 0)
torch.arange(0, 10, step=3)
torch.arange(end=4)
torch.arange(start=1, end=4)
torch.arange(2.5, dtype=torch.int64)
torch.arange(zero_i)
torch.range(1, 4)
torch.linspace(0, 1, 5)
torch.linspace(-3, 10, steps=7)
torch.linspace(0, 10, 3, dtype=torch.int64)
torch.linspace(0, 1, 1)
torch.linspace(0, 1, 0)
torch.linspace(0, 1, 100)
torch.linspace(0, 1, 11, dtype=torch.float64)
torch.linspace(0, 1, -1)
torch.logspace(0, 2, 3)
torch.logspace(0, 2, 5, base=2)
torch.eye(3)
torch.eye(2, 4)
torch.eye(3, dtype=torch.int64)
torch.eye(0)
torch.eye(-1)
torch.Tensor([1, 2])
torch.Tensor(2, 3).shape
torch.Tensor()
torch.FloatTensor([1, 2])
torch.LongTensor([1, 2])
torch.IntTensor([1])
torch.ByteTensor([1])
torch.BoolTensor([True])
torch.DoubleTensor([1])
torch.HalfTensor([1])
torch.LongTensor([1.5])
torch.Size([2, 3])
torch.Size([2, 3]).numel()
torch.Size([2, 3])[0]
torch.Size([2, 3])[:1]
torch.Size([2]) + torch.Size([3])
torch.Size((2, 3)) == (2, 3)
torch.scalar_tensor(2)
torch.scalar_tensor(2.0, dtype=torch.float64)
torch.complex(a, b)
torch.polar(p, a)
torch.hann_window(5)
torch.hamming_window(5)
torch.blackman_window(5)
torch.bartlett_window(5)
torch.get_default_dtype()
torch.finfo(torch.float32).eps
torch.finfo(torch.float32)
torch.finfo(torch.bfloat16).max
torch.finfo().tiny
torch.iinfo(torch.int32).max
torch.iinfo(torch.int8)
torch.finfo(torch.int32)
torch.iinfo(torch.float32)
torch.float32
torch.float
torch.half
torch.long
torch.float32.is_floating_point
torch.float32.itemsize
torch.int8.is_signed
torch.float32.to_complex()
torch.device("cpu")
torch.device("cpu").type
torch.device("cpu").index
torch.device("cpu", 0)
torch.device("cuda:1")
torch.device("cuda:1").index
torch.device("what")
torch.device("cpu") == torch.device("cpu")
torch.strided
torch.contiguous_format
torch.pi
torch.inf
torch.nan
torch.e
torch.newaxis
torch.is_grad_enabled()
torch.get_num_threads() >= 1
torch.cuda.is_available()
torch.cuda.device_count()
torch.backends.mps.is_available()
torch.backends.cudnn.benchmark
torch.__version__ >= "2.0"
torch.version.cuda
torch.set_default_dtype(torch.float64); x = torch.tensor(1.0).dtype, torch.zeros(1).dtype, torch.arange(2.0).dtype; torch.set_default_dtype(torch.float32); x
torch.set_default_dtype(torch.int32)
torch.tensor([1]).new_tensor(2.5)
torch.from_numpy(np.zeros((2, 0)))
torch.vander(row)
torch.tensor([[1, 2], [3, 4]]).numpy()
torch.tensor(1.0).requires_grad_(True)
torch.tensor(1).requires_grad_(True)
torch.is_storage(a)
torch.are_deterministic_algorithms_enabled()
torch.use_deterministic_algorithms(True); x = torch.are_deterministic_algorithms_enabled(); torch.use_deterministic_algorithms(False); x
torch.is_deterministic_algorithms_warn_only_enabled()
torch.get_deterministic_debug_mode()
torch.set_deterministic_debug_mode("warn"); x = torch.get_deterministic_debug_mode(); torch.set_deterministic_debug_mode(0); x
torch.compiled_with_cxx11_abi() in (True, False)
torch.get_default_device()
torch.set_default_device("cpu"); torch.ones(1).device
torch.get_float32_matmul_precision()
torch.set_float32_matmul_precision("high"); x = torch.get_float32_matmul_precision(); torch.set_float32_matmul_precision("highest"); x
torch.set_float32_matmul_precision("what")
torch.set_num_threads(1); torch.get_num_threads()
torch.set_num_threads(0)
torch.get_num_interop_threads() >= 1
torch.set_num_interop_threads(0)
torch.set_default_tensor_type(torch.DoubleTensor); x = torch.zeros(1).dtype; torch.set_default_tensor_type(torch.FloatTensor); x
torch.set_flush_denormal(False)
a.resize(2, 6).shape
torch.typename(a)
torch.numel(a)
torch.nosuchthing
torch.Tensor.nosuchthing
a.nosuchthing
a.nosuchthing = 3; a.nosuchthing
del a.grad
a.grad = 3
a.grad = torch.ones(2)
a.grad = torch.ones(3, 4, dtype=torch.float64)
a.grad = torch.ones(3, 4); a.grad
a.requires_grad = True; a.requires_grad
i.requires_grad = True
a.data = b; a
a.data = d
a.shape = (4, 3)
""",
    "pointwise",
    gradients=False,
)

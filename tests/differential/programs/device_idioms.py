"""How scripts choose devices, dtypes and modes."""

import os

import torch
import torch.nn as nn

torch.manual_seed(0)

device = (
    "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
)
print(
    device,
    torch.device(device),
    torch.cuda.device_count(),
    torch.version.cuda,
    torch.backends.cudnn.enabled,
    torch.cuda.is_initialized(),
)
torch.backends.cudnn.benchmark = True
torch.backends.cudnn.deterministic = True
torch.backends.cuda.matmul.allow_tf32 = False
torch.set_num_threads(1)
print(torch.get_num_threads())
torch.set_float32_matmul_precision("high")
print(torch.get_float32_matmul_precision())
m = nn.Linear(2, 2).to(device)
print(
    next(m.parameters()).device,
    m.weight.is_cuda,
    m.weight.get_device(),
    m.cpu() is m,
    m.double().weight.dtype,
    m.half().weight.dtype,
    m.float().weight.dtype,
    m.to(torch.float64).bias.dtype,
    m.to("cpu", torch.float32, non_blocking=True).weight.dtype,
)
if torch.cuda.device_count() > 1:
    m = nn.DataParallel(m)
x = torch.ones(2, device=device)
print(
    x.to(device) is x,
    x.to(torch.float) is x,
    x.to(x.double()).dtype,
    x.cpu() is x,
    x.type(torch.int).dtype,
    x.type("torch.DoubleTensor").dtype,
    x.type_as(torch.ones(1).long()).dtype,
    torch.ones_like(x, dtype=torch.int).dtype,
    x.new_tensor([1, 2]).dtype,
    x.new_full((1,), 3),
    x.float() is x,
)
print(
    torch.device("cpu") == torch.device("cpu:0"),
    torch.device("cpu", 0),
    torch.device("cuda:1").index,
    torch.device("cuda").type,
    repr(torch.device("cuda", 1)),
)
with torch.device("cpu"):
    print(torch.ones(1).device)
torch.set_default_device("cpu")
print(torch.get_default_device())
torch.set_default_dtype(torch.float64)
print(torch.ones(1), torch.tensor(1.0).dtype, nn.Linear(1, 1).weight.dtype, torch.arange(0, 1, 0.5))
torch.set_default_dtype(torch.float32)
torch.set_default_tensor_type(torch.DoubleTensor)
print(torch.ones(1).dtype)
torch.set_default_tensor_type("torch.FloatTensor")
print(
    torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none",
    torch.backends.mkldnn.is_available() in (True, False),
)
torch.cuda.empty_cache()
torch.cuda.synchronize() if torch.cuda.is_available() else None
print(torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated())
for bad in (
    lambda: torch.ones(1).cuda(),
    lambda: nn.Linear(1, 1).cuda(),
    lambda: torch.ones(1, device="cuda"),
    lambda: torch.ones(1).to("cuda:0"),
    lambda: torch.cuda.current_device(),
    lambda: torch.cuda.get_device_properties(0),
    lambda: torch.device("gpu"),
    lambda: torch.device("cpu", -2),
    lambda: torch.ones(1).to("mps"),
):
    try:
        print(bad())
    except Exception as e:
        print(type(e).__name__, str(e).splitlines()[0])
with torch.no_grad(), torch.autocast("cpu", enabled=False):
    print(torch.ones(1) + 1)
scaler = torch.amp.GradScaler("cpu", enabled=False)
w = torch.ones(1, requires_grad=True)
o = torch.optim.SGD([w], lr=0.1)
scaler.scale((w * 2).sum()).backward()
scaler.unscale_(o)
scaler.step(o)
scaler.update()
print(w, scaler.is_enabled(), scaler.state_dict())


@torch.no_grad()
def f(x):
    return x * w


print(f(torch.ones(1)).requires_grad, torch.is_grad_enabled())
torch.set_grad_enabled(False)
print((w * 2).requires_grad)
torch.set_grad_enabled(True)
with torch.enable_grad():
    print((w * 2).requires_grad)


@torch.inference_mode()
def h(x):
    return x * w


y = h(torch.ones(1))
print(y.is_inference(), y.requires_grad)
for b in (lambda: y.requires_grad_(), lambda: (y * w).sum().backward(), lambda: y.add_(1)):
    try:
        print(b())
    except Exception as e:
        print(type(e).__name__, e)
import warnings

warnings.simplefilter("ignore")


@torch.compile
def c(x):
    return torch.relu(x) * 2


print(c(torch.tensor([-1.0, 2.0])))
mm = torch.compile(nn.Linear(2, 1))
print(mm(torch.ones(1, 2)).shape)
print(torch.is_inference_mode_enabled(), os.path.basename(torch.__file__))

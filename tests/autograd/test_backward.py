"""``backward`` and ``grad``: arguments, accumulation, aliasing, errors."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

import rushlight as torch
from rushlight.autograd.graph import GradientEdge, get_gradient_edge


@pytest.fixture
def x():
    return torch.ones(2, requires_grad=True)


# ---- values -------------------------------------------------------------------------------------


def test_gradients_accumulate(x):
    (x * 2).sum().backward()
    grad = x.grad
    (x * 3).sum().backward()
    assert x.grad is grad and grad.tolist() == [5.0, 5.0]
    assert grad._version == 1


def test_a_shared_gradient_is_not_changed_by_a_later_one(x):
    """u's summed gradient goes to a and b as one array; then a receives more."""
    a = x * 1
    w = a * 3
    b = x * 2
    u = a + b
    out = (u * 2 + u * 5).sum() + w.sum()
    found = torch.autograd.grad(out, [a, b, x], retain_graph=True)
    assert [g.tolist() for g in found] == [[10, 10], [7, 7], [24, 24]]
    out.backward()
    assert x.grad.tolist() == [24, 24]


def test_no_two_grads_share_memory():
    p, q = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    given = torch.ones(2)
    (p + q).backward(given)
    p.grad.add_(1)
    assert q.grad.tolist() == [1, 1] and given.tolist() == [1, 1]


def test_a_leaf_as_root_does_not_take_the_callers_memory(x):
    given = torch.ones(2)
    x.backward(given)
    x.grad.add_(1)
    assert given.tolist() == [1, 1]


@pytest.mark.filterwarnings("ignore:Using backward\\(\\) with create_graph")
def test_no_two_grads_share_memory_with_create_graph():
    p, q = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    (p + q).backward(torch.ones(2), create_graph=True)
    assert p.grad is not q.grad and p.grad.data_ptr() != q.grad.data_ptr()
    (p * q).sum().backward(create_graph=True)
    assert p.grad.requires_grad and p.grad.tolist() == [2, 2]
    kept = p.grad
    (p * q).sum().backward()
    assert p.grad is kept and kept.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("make", "strides"),
    [
        (lambda: torch.ones(2, 3), (3, 1)),
        (lambda: torch.ones(3, 2).t(), (1, 2)),
        (lambda: torch.ones(1, 3).expand(2, 3), (3, 1)),
        (lambda: torch.ones(4, 6)[::2, ::2], (3, 1)),
    ],
)
@pytest.mark.parametrize("hooked", [False, True])
def test_grad_has_the_layout_of_its_leaf(make, strides, hooked):
    w = make().requires_grad_()
    if hooked:
        w.register_hook(lambda g: None)
    (w.t() * 2).sum().backward()
    assert w.grad.stride() == strides


def test_grad_leaves_grad_alone(x):
    (g,) = torch.autograd.grad((x * 2).sum(), x)
    assert g.tolist() == [2, 2] and x.grad is None


def test_second_and_third_derivative():
    x = torch.tensor(2.0, requires_grad=True)
    (a,) = torch.autograd.grad(x**4, x, create_graph=True)
    (b,) = torch.autograd.grad(a, x, create_graph=True)
    (c,) = torch.autograd.grad(b, x)
    assert (a.item(), b.item(), c.item()) == (32, 48, 48)


def test_grad_of_several_outputs_with_gradients(x):
    (g,) = torch.autograd.grad([x * 2, x * 3], x, [torch.ones(2), torch.tensor([1.0, 2.0])])
    assert g.tolist() == [5, 8]


def test_grad_by_dict(x):
    y = torch.ones(2, requires_grad=True)
    found = torch.autograd.grad((x * y * 3).sum(), {"x": x, "y": y})
    assert list(found) == ["x", "y"] and found["y"].tolist() == [3, 3]


def test_grad_by_an_intermediate_result(x):
    y = x * 2
    z = (y * y).sum()
    gy, gx = torch.autograd.grad(z, [y, x])
    assert gy.tolist() == [4, 4] and gx.tolist() == [8, 8]


def test_unused_inputs(x):
    other = torch.ones(3, requires_grad=True)
    out = (x * 2).sum()
    with pytest.raises(RuntimeError, match="Tensor at index 1 appears to not have been used"):
        torch.autograd.grad(out, [x, other], retain_graph=True)
    assert torch.autograd.grad(out, [x, other], allow_unused=True, retain_graph=True)[1] is None
    assert torch.autograd.grad(out, [x, other], materialize_grads=True)[1].tolist() == [0, 0, 0]


def test_batched_gradients(x):
    (g,) = torch.autograd.grad(
        x * 2, x, torch.tensor([[1.0, 0.0], [0.0, 1.0]]), is_grads_batched=True
    )
    assert g.tolist() == [[2, 0], [0, 2]]


def test_backward_into_chosen_inputs(x):
    y = torch.ones(2, requires_grad=True)
    h = x * y
    (h * 3).sum().backward(inputs=[x, h])
    assert x.grad.tolist() == [3, 3] and y.grad is None and h.grad.tolist() == [3, 3]


def test_multi_output_operations(x):
    m = torch.tensor([[1.0, 5.0], [7.0, 2.0]], requires_grad=True)
    values, indices = m.max(1)
    assert not indices.requires_grad
    (values * torch.tensor([2.0, 3.0])).sum().backward()
    assert m.grad.tolist() == [[0, 2], [3, 0]]
    a, b = m.unbind(0)
    (g,) = torch.autograd.grad((b * 2).sum(), m)
    assert g.tolist() == [[0, 0], [2, 2]] and a.grad_fn is b.grad_fn


def test_gradient_edges(x):
    y = x * 2
    (g,) = torch.autograd.grad(get_gradient_edge(y), x, torch.ones(2), retain_graph=True)
    assert g.tolist() == [2, 2]
    z = (y * 3).sum()
    found = torch.autograd.grad(z, [get_gradient_edge(x), GradientEdge(y.grad_fn, 0)])
    assert [g.tolist() for g in found] == [[6, 6], [3, 3]]
    with pytest.raises(RuntimeError, match="not possible to get the gradient edge"):
        get_gradient_edge(torch.ones(2))


# ---- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: (x * 2).backward(), RuntimeError,
         "grad can be implicitly created only for scalar outputs"),
        (lambda x: torch.ones(()).backward(), RuntimeError,
         "element 0 of tensors does not require grad and does not have a grad_fn"),
        (lambda x: x.sum().backward(torch.ones(2)), RuntimeError,
         "Mismatch in shape: grad_output[0] has a shape of torch.Size([2]) and output[0] has a "
         "shape of torch.Size([])."),
        (lambda x: x.sum().backward("a"), TypeError,
         "gradients can be either Tensors or None, but got str"),
        (lambda x: x.sum().backward(inputs=[]), RuntimeError,
         "`inputs` argument to `backward()` cannot be empty."),
        (lambda x: torch.autograd.backward(x.sum(), inputs=["a"]), RuntimeError,
         "all inputs have to be Tensors or GradientEdges, but got str"),
        (lambda x: torch.autograd.backward("a"), AssertionError,
         "Expected output to be a torch.Tensor"),
        (lambda x: torch.autograd.backward((x.sum(), x.sum()), (None,)), RuntimeError,
         "got 2 tensors and 1 gradients"),
        (lambda x: torch.autograd.grad(x.sum(), torch.ones(2)), RuntimeError,
         "One of the differentiated Tensors does not require grad"),
        (lambda x: torch.autograd.grad(x.sum(), []), RuntimeError,
         "`inputs` argument to `grad()` cannot be empty."),
        (lambda x: torch.autograd.grad(x.sum(), x, allow_unused=False, materialize_grads=True),
         ValueError, "Expected allow_unused to be True or not passed when materialize_grads=True, "
         "but got: allow_unused=False."),
        (lambda x: torch.autograd.backward(x.sum(), inputs=[torch.ones(2)]), RuntimeError,
         "can't retain_grad on Tensor that has requires_grad=False"),
        (lambda x: x.sum().backward(retain_variables=True), TypeError,
         "Tensor.backward() got an unexpected keyword argument 'retain_variables'"),
    ],
)  # fmt: skip
def test_argument_errors(call, kind, message, x):
    with pytest.raises(kind) as caught:
        call(x)
    assert str(caught.value) == message


def test_deprecated_arguments_warn(x):
    with pytest.warns(FutureWarning, match="`grad_variables` is deprecated"):
        torch.autograd.backward(x.sum(), grad_variables=torch.tensor(1.0))
    with pytest.warns(FutureWarning, match="only_inputs argument is deprecated"):
        torch.autograd.grad(x.sum(), x, only_inputs=False)


def test_second_backward_needs_retain_graph(x):
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()
    assert x.grad.tolist() == [4, 4]


def test_sum_alone_may_run_twice(x):
    y = x.sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [2, 2]


# ---- size, memory, threads ----------------------------------------------------------------------


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_chain_of_many_nodes(create_graph):
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(60_000):
        y = y * x
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=create_graph)
    assert g.tolist() == [60_001]
    del y, g


def test_a_million_nodes_run_and_are_freed():
    x = torch.ones(1, requires_grad=True)
    y = x
    enabled = gc.isenabled()
    gc.disable()  # a million young objects: three times as slow otherwise
    try:
        for _ in range(1_000_000):
            y = y + 1
        node = weakref.ref(y.grad_fn)
        y.sum().backward()
        del y
    finally:
        if enabled:
            gc.enable()
    assert x.grad.tolist() == [1]
    assert node() is None


def test_graphs_are_freed_without_the_garbage_collector():
    gc.disable()
    try:
        x = torch.ones(2, requires_grad=True)
        y = x.exp()
        z = (y * y).sum()
        references = [weakref.ref(y), weakref.ref(y.grad_fn), weakref.ref(z.grad_fn)]
        z.backward()
        del y, z
        assert [r() for r in references] == [None] * 3
        leaf = weakref.ref(x)
        accumulator = (x * 1).grad_fn.next_functions[0][0]
        assert accumulator.variable is x
        del x, accumulator
        assert leaf() is None
    finally:
        gc.enable()


def test_backward_from_several_threads():
    w = torch.zeros(1000, requires_grad=True)

    def work():
        for _ in range(50):
            (w * 2).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert w.grad.tolist() == [400.0] * 1000


def test_several_threads_over_one_graph():
    x = torch.ones(3, requires_grad=True)
    y = (x * x * x).sum()
    found = []

    def work():
        found.append(torch.autograd.grad(y, x, retain_graph=True)[0].tolist())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == [[3.0, 3.0, 3.0]] * 4


def test_variable():
    data = torch.ones(2)
    v = torch.autograd.Variable(data, requires_grad=True)
    assert type(v) is torch.Tensor and v.requires_grad and v.data_ptr() == data.data_ptr()
    assert isinstance(data, torch.autograd.Variable)
    with pytest.warns(UserWarning, match="volatile was removed"):
        torch.autograd.Variable(data, volatile=True)
    with pytest.raises(TypeError, match="Variable data has to be a tensor, but got int"):
        torch.autograd.Variable(3)

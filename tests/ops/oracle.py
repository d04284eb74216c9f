"""PyTorch's answers: runs inside PyTorch's own environment and knows nothing of rushlight.

Reads a pickled list of requests from standard input and writes a pickled dict of answers. A
request is a dict: `key`, `target` (("aten", name, overload) or the text of a function), `args`,
`kwargs`, `wanted` (paths of the arguments to differentiate), `dtype` (None, or what every floating
array is converted to) and `outputs` (how many there are).
"""

import pickle
import sys
import zlib

import numpy as np


def cotangent(key, number, shape):
    """The gradient that output `number` of the call `key` receives."""
    random = np.random.RandomState(zlib.crc32(f"{key}/{number}".encode()))
    return np.asarray(random.uniform(-1, 1, shape))


def converted(array, dtype):
    """A floating array as another dtype would hold it: positive for integers, for divisions."""
    if dtype is None or array.dtype.kind != "f":
        return array
    if dtype == "bool":
        return array > 0
    if dtype.startswith("int"):
        return (1 + np.floor(np.abs(np.nan_to_num(array)) * 3)).astype(dtype)
    return array


def answer(request):
    import torch
    import torch.nn.functional as functional

    leaves = []
    dtype = request["dtype"]

    def lift(value, path):
        if isinstance(value, list):
            return [lift(v, (*path, i)) for i, v in enumerate(value)]
        if not isinstance(value, np.ndarray):
            return value
        t = torch.from_numpy(np.array(converted(value, dtype)))
        if dtype is not None and t.is_floating_point():
            t = t.to(getattr(torch, dtype))
        if path in request["wanted"] and t.is_floating_point() and dtype is None:
            leaves.append(t.requires_grad_())
        return t

    target = request["target"]
    if isinstance(target, str):
        function = eval(target, {"torch": torch, "F": functional})
    else:
        _, name, overload = target
        function = getattr(getattr(torch.ops.aten, name), overload or "default")
    args = [lift(v, (i,)) for i, v in enumerate(request["args"])]
    kwargs = {n: lift(v, (n,)) for n, v in request["kwargs"].items()}
    try:
        result = function(*args, **kwargs)
    except Exception as error:  # PyTorch's refusal is an answer too
        return {"error": f"{type(error).__name__}: {error}"}
    outputs = tuple(result) if isinstance(result, (tuple, list)) else (result,)
    outputs = outputs[: request["outputs"]]
    found = {
        "values": [_array(o) for o in outputs],
        "dtypes": [str(o.dtype).removeprefix("torch.") for o in outputs],
    }
    if request.get("tangents"):
        found["tangents"] = _tangents(function, args, kwargs, leaves, request)
    elif leaves:
        live = [(i, o) for i, o in enumerate(outputs) if o.requires_grad]
        starts = [torch.from_numpy(cotangent(request["key"], i, tuple(o.shape))) for i, o in live]
        starts = [g.to(o.dtype) for g, (_, o) in zip(starts, live, strict=True)]
        gradients = [None] * len(leaves)
        if live:
            try:
                gradients = torch.autograd.grad(
                    [o for _, o in live], leaves, starts, allow_unused=True
                )
            except RuntimeError as error:  # PyTorch itself fails: nothing to compare with
                found["fails"] = str(error)
                return found
        found["gradients"] = [None if g is None else _array(g) for g in gradients]
    return found


def _tangents(function, args, kwargs, leaves, request):
    """Forward mode, each leaf moved in its direction; None where PyTorch has none."""
    import torch
    from torch.autograd import forward_ad

    with forward_ad.dual_level(), torch.no_grad():
        duals = {
            id(x): forward_ad.make_dual(
                x.detach(), torch.from_numpy(cotangent("direction " + request["key"], i, x.shape))
            )
            for i, x in enumerate(leaves)
        }

        def move(value):
            return [move(v) for v in value] if isinstance(value, list) else duals.get(
                id(value), value)  # fmt: skip

        try:
            result = function(*map(move, args), **{n: move(v) for n, v in kwargs.items()})
        except Exception:  # PyTorch has no forward mode there: nothing to compare with
            return None
        outputs = tuple(result) if isinstance(result, (tuple, list)) else (result,)
        found = [forward_ad.unpack_dual(o).tangent for o in outputs[: request["outputs"]]]
        return [None if t is None else _array(t) for t in found]


def _array(t):
    t = t.detach() + 0 if t._is_zerotensor() else t.detach()
    return (t.float() if str(t.dtype) == "torch.bfloat16" else t).contiguous().numpy()


def main():
    import warnings

    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    requests = pickle.load(sys.stdin.buffer)
    pickle.dump({r["key"]: answer(r) for r in requests}, sys.stdout.buffer)


if __name__ == "__main__":
    main()

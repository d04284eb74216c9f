"""``torch.torch_version``: the class of ``torch.__version__``."""

from rushlight._version import TorchVersion

__all__ = ["TorchVersion"]

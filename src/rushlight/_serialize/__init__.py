"""What stands behind `torch.save` and `torch.load`: the file formats, piece by piece.

* `writer`: an object becomes a pickle stream, opcode by opcode, under PyTorch's names.
* `reader`: a pickle stream becomes an object again, by a closed list of opcodes; runs no code.
* `globals`: the closed list of names that a stream may use, and what each may be called with.
* `rebuild`: tensors from storages, every offset and stride checked against the storage.
* `container`: the zip archive around both; `legacy`: PyTorch's older format without zip.
* `storages`, `tensors`: what the formats need to know of storages and of tensors.
* `atomic`: a file is either the old one or the new one, at any moment.

Everything here is imported when the first file is saved or loaded, not with rushlight.
"""

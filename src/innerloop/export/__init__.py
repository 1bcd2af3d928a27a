"""An adapted task as a file that runs without innerloop: ONNX, or a program of torch.export."""

from innerloop.export.module import AdaptedModule
from innerloop.export.onnx_file import onnx
from innerloop.export.torch_program import program

__all__ = ["AdaptedModule", "onnx", "program"]

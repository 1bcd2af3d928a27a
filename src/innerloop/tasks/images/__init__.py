"""Images as tasks: banks of classes in memory, and folders in a file that is mapped to memory."""

from innerloop.tasks.images.bank import ImageBank, ImageStream, check_size, image_tasks
from innerloop.tasks.images.facts import image_facts
from innerloop.tasks.images.family import images
from innerloop.tasks.images.inputs import ImageInputs

__all__ = [
    "ImageBank",
    "ImageInputs",
    "ImageStream",
    "check_size",
    "image_facts",
    "image_tasks",
    "images",
]

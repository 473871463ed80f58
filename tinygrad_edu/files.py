"""Files are written as a whole or not at all: a save that fails leaves the old one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, content: str | bytes) -> Path:
    """Write a file, and the folders that it lies in; give the path back."""
    import os  # with shutil 5 ms, which only those who save need
    import shutil

    path.parent.mkdir(parents=True, exist_ok=True)
    data = content if isinstance(content, bytes) else content.encode()
    target = path.resolve()  # a link stays one
    if target.exists() and not target.is_file():  # a device
        target.write_bytes(data)
        return path
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        if target.exists():
            shutil.copymode(target, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return path

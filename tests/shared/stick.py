"""USB sticks as people have them: one FAT partition. Made and read without mounting anything."""

import subprocess

SECTOR_BYTES = 512
START_SECTORS = 2048
SIZE_MB = 64


class Stick:
    """An image of a stick, with these files on it."""

    def __init__(self, image, files):
        self.image = image
        with open(image, "wb") as file:
            file.truncate(SIZE_MB << 20)
        subprocess.run(["sfdisk", "--quiet", image], input=f"{START_SECTORS},,c\n", text=True, check=True)
        self.partition = f"{image}@@{START_SECTORS * SECTOR_BYTES}"
        subprocess.run(["mformat", "-i", self.partition, "-F", "-v", "STICK", "-T",
                        str((SIZE_MB << 20) // SECTOR_BYTES - START_SECTORS), "::"], check=True)
        for name, content in files.items():
            subprocess.run(["mcopy", "-i", self.partition, "-", f"::{name}"], input=content, check=True)

    def read(self, name):
        """What a file holds, once the stick is pulled out."""
        return subprocess.run(["mtype", "-i", self.partition, f"::{name}"], capture_output=True, check=True).stdout

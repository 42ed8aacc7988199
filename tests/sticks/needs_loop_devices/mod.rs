//! Sticks with real file systems: images on loop devices. That takes root and a kernel that knows FAT, exFAT and ext4, which few
//! machines offer together, so `scripts/lib/sticks_in_vm.sh` runs these tests in a virtual machine.

mod attacks;
mod image;
mod taken;

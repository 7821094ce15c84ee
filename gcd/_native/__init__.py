"""The compiled core. One extension module per concept; `cpp.pxd` is the only file that names C++."""

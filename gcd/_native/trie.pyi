"""The token trie of a vocabulary."""

from typing_extensions import Buffer, disjoint_base

def checksum(data: Buffer) -> int:
    """64 bits that tell damaged bytes from whole ones; what artefacts carry for each section."""

@disjoint_base
class TokenTrie:
    """All tokens of a vocabulary by their bytes, one path for each distinct text. Immutable."""

    def __init__(self, data: Buffer, offsets: Buffer, width: int) -> None:
        """Build the trie.

        Args:
            data: uint8, the bytes of all tokens one after another.
            offsets: uint32, ``width + 1`` of them: token t is ``data[offsets[t]:offsets[t + 1]]``; empty is no text.
            width: columns of the logits.
        """
    @staticmethod
    def from_section(section: Buffer) -> TokenTrie:
        """The trie in an artefact's section "trie", used where it lies; the buffer is kept alive.

        Raises:
            ArtifactError: the section isn't a trie.
        """
    def section(self) -> bytes:
        """The artefact's section "trie"."""
    def packed(self) -> tuple[bytes, memoryview[int]]:
        """All tokens' bytes one after another, and ``width + 1`` uint32, where each begins; see `Vocabulary.packed`."""
    @property
    def n_nodes(self) -> int:
        """Nodes, the root among them."""
    @property
    def byte_complete(self) -> bool:
        """Whether each of the 256 bytes is a token on its own; then every text has a tokenisation."""
    @property
    def words(self) -> int:
        """32-bit words of one row of a bitmask: ``ceil(width / 32)``."""
    @property
    def width(self) -> int:
        """Columns of the logits."""

"""Byte-level BPE in the way of GPT-2, small enough to read in one sitting.

Used by train_sample_model.py. It learns the merges, encodes text and writes
`tokenizer.json` in Hugging Face's format.
"""

import collections
import json
import re

BOS, EOS = 0, 1
SPECIAL_TOKENS = ("<s>", "</s>")

# GPT-2's split into pieces; merges never cross a piece. Python's `re` has no
# \p{L} and \p{N}: the classes below are the same for ASCII, which is all that
# the corpus contains.
PIECES = re.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d"
    r"| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+"
    r"|\s+(?!\S)|\s+"
)


def byte_characters():
    """GPT-2's printable stand-ins for the 256 bytes, as a list by byte value."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    characters = {byte: chr(byte) for byte in printable}
    for byte in range(256):
        if byte not in characters:
            characters[byte] = chr(256 + len(characters) - len(printable))
    return [characters[byte] for byte in range(256)]


BYTE_CHARACTERS = byte_characters()


def learn_merges(text, count):
    """The `count` most frequent merges, each a pair of strings of stand-ins.

    Pair counts are kept up to date in place: a merge visits only the pieces
    that contain its pair, so 1,790 merges take seconds, not hours.
    """
    frequency = collections.Counter(PIECES.findall(text))
    words, weights = [], []
    for piece, times in sorted(frequency.items()):
        words.append([BYTE_CHARACTERS[byte] for byte in piece.encode()])
        weights.append(times)

    pair_count = collections.Counter()
    pair_words = collections.defaultdict(set)
    for index, word in enumerate(words):
        for pair in zip(word, word[1:]):
            pair_count[pair] += weights[index]
            pair_words[pair].add(index)

    merges = []
    while len(merges) < count:
        # Equal counts: the smaller pair, so that every machine learns the same.
        best = min(pair_count, key=lambda pair: (-pair_count[pair], pair))
        if pair_count[best] < 2:
            raise ValueError(f"the text is too short for {count} merges")
        merges.append(best)
        for index in pair_words.pop(best):
            word = words[index]
            for pair in zip(word, word[1:]):
                pair_count[pair] -= weights[index]
            word = words[index] = merge_pair(word, best)
            for pair in zip(word, word[1:]):
                pair_count[pair] += weights[index]
                pair_words[pair].add(index)
        del pair_count[best]
    return merges


def merge_pair(word, pair):
    """`word` with every occurrence of `pair` joined, from left to right."""
    merged, i = [], 0
    while i < len(word):
        if i + 1 < len(word) and (word[i], word[i + 1]) == pair:
            merged.append(word[i] + word[i + 1])
            i += 2
        else:
            merged.append(word[i])
            i += 1
    return merged


class Tokenizer:
    """Ids: the special tokens, then the 256 bytes, then one for each merge."""

    def __init__(self, merges):
        self.merges = [tuple(pair) for pair in merges]
        self.rank = {pair: rank for rank, pair in enumerate(self.merges)}
        tokens = [*SPECIAL_TOKENS, *BYTE_CHARACTERS]
        tokens += [left + right for left, right in self.merges]
        self.vocabulary = {token: index for index, token in enumerate(tokens)}
        if len(self.vocabulary) != len(tokens):
            raise ValueError("two merges give the same token")
        self.cache = {}

    def encode(self, text):
        """Ids of the text, without BOS."""
        ids = []
        for piece in PIECES.findall(text):
            if piece not in self.cache:
                self.cache[piece] = self.encode_piece(piece)
            ids += self.cache[piece]
        return ids

    def encode_piece(self, piece):
        word = [BYTE_CHARACTERS[byte] for byte in piece.encode()]
        while len(word) > 1:
            pairs = set(zip(word, word[1:])) & self.rank.keys()
            if not pairs:
                break
            word = merge_pair(word, min(pairs, key=self.rank.get))
        return [self.vocabulary[token] for token in word]

    def save(self, path):
        """Write tokenizer.json; readers put BOS first by its post-processor."""
        byte_level = {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": True,
        }
        bos = {"SpecialToken": {"id": SPECIAL_TOKENS[BOS], "type_id": 0}}
        first, second = (
            {"Sequence": {"id": name, "type_id": 0}} for name in ("A", "B")
        )
        document = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {
                    "id": index,
                    "content": token,
                    "single_word": False,
                    "lstrip": False,
                    "rstrip": False,
                    "normalized": False,
                    "special": True,
                }
                for index, token in enumerate(SPECIAL_TOKENS)
            ],
            "normalizer": None,
            "pre_tokenizer": byte_level,
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [bos, first],
                "pair": [bos, first, bos, second],
                "special_tokens": {
                    SPECIAL_TOKENS[BOS]: {
                        "id": SPECIAL_TOKENS[BOS],
                        "ids": [BOS],
                        "tokens": [SPECIAL_TOKENS[BOS]],
                    }
                },
            },
            "decoder": byte_level,
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "vocab": self.vocabulary,
                "merges": [" ".join(pair) for pair in self.merges],
            },
        }
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file, ensure_ascii=False, indent=1)
            file.write("\n")

"""Writes answers.json: how the tokenizers library (PyPI, 0.22.2) cuts texts into words with the pre-tokenizers of well-known models.

The patterns are those of the models' own tokenizer.json. Needs: pip install tokenizers==0.22.2.
Run from the repository's root: python tests/golden/words/make.py
"""

import json
from pathlib import Path

import tokenizers
from tokenizers import Regex
from tokenizers.pre_tokenizers import ByteLevel, Digits, Punctuation, Sequence, Split

TEXTS = [
    "Hello, world! How's it going?",
    "I'll WE'VE they'RE don't 'twas O'Neill's",
    "CamelCaseHTTPServer snake_case kebab-case iPhone15Pro",
    "  leading and trailing  \n\n\n  next\tline\r\n\r\n end   ",
    "1 12 123 1234 1234567890 3.14159 v1.2.3-rc4 0x1F4A9",
    "x² + y³ = ½ ٣٤٥ १२३ Ⅷ",
    "for (let i = 0; i < n; ++i) { a[i] += \"x\"; }  // ok!!!\n\treturn;\n",
    "https://example.org/a/b?c=d&e=f#g name@example.com",
    "naïve café cafe\u0301 ÜBERGRÖSSE straße",
    "Привет, МИР! Ελληνικά κείμενα",
    "中文分词，测试。日本語テキスト 한국어 문장",
    "مرحبا بالعالم שלום हिन्दी में ภาษาไทย",
    "👨‍👩‍👧 🏳️‍🌈 flags 🇩🇪 $5 €6 ^_^ `code` ~x~ |y| <z>",
    "\u00a0nbsp\u3000wide\u0085next\ufeffbom\u200bzero",
    "“curly” ‘quotes’ — dash… (paren) [br] {cu}/path/to\\file",
]

CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
LEAD = r"[^\r\n\p{L}\p{N}]?"
LLAMA3 = CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES
QWEN2 = CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES
TEKKEN = (
    f"{LEAD}{UPPER}*{LOWER}+|{LEAD}{UPPER}+{LOWER}*|" + r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES
)
GPT4O = (
    f"{LEAD}{UPPER}*{LOWER}+{CONTRACTION}?|{LEAD}{UPPER}+{LOWER}*{CONTRACTION}?|"
    + r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"
    + SPACES
)
DEEPSEEK3 = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"
    + SPACES
)


def isolated(pattern: str) -> Split:
    return Split(Regex(pattern), "isolated")


def plain_bytes() -> ByteLevel:
    return ByteLevel(add_prefix_space=False, use_regex=False)


def gpt2_bytes() -> ByteLevel:
    return ByteLevel(add_prefix_space=False, use_regex=True)


PRE_TOKENIZERS = {
    "gpt-2": gpt2_bytes(),
    "smollm": Sequence([Digits(individual_digits=True), gpt2_bytes()]),
    "llama-bpe": Sequence([isolated(LLAMA3), plain_bytes()]),
    "qwen2": Sequence([isolated(QWEN2), plain_bytes()]),
    "tekken": Sequence([isolated(TEKKEN), plain_bytes()]),
    "gpt-4o": Sequence([isolated(GPT4O), plain_bytes()]),
    "deepseek-v3": Sequence(
        [isolated(r"\p{N}{1,3}"), isolated("[一-龥\u3040-ゟ゠-ヿ]+"), isolated(DEEPSEEK3), plain_bytes()]
    ),
    "deepseek-coder": Sequence(
        [
            isolated(r"[\r\n]"),
            isolated(r"\s?\p{L}+"),
            isolated(r"\s?\p{P}+"),
            isolated("[一-龥ࠀ-一가-퟿]+"),
            Digits(individual_digits=True),
            plain_bytes(),
        ]
    ),
    "falcon": Sequence(
        [Punctuation("contiguous"), gpt2_bytes(), Digits(individual_digits=False), isolated("[0-9][0-9][0-9]")]
    ),
    "bloom": Sequence([isolated(r" ?[^(\s|[.,!?…。，、।۔،])]+"), plain_bytes()]),
}


def main() -> None:
    out = {
        "made_with": f"tokenizers {tokenizers.__version__}",
        "note": "words[name][i]: the words of texts[i] in byte-level characters; config[name]: the pre_tokenizer part of tokenizer.json",
        "texts": TEXTS,
        "config": {
            name: json.loads(pre.__getstate__().decode()) for name, pre in PRE_TOKENIZERS.items()
        },
        "words": {
            name: [[word for word, _ in pre.pre_tokenize_str(text)] for text in TEXTS]
            for name, pre in PRE_TOKENIZERS.items()
        },
    }
    Path(__file__).with_name("answers.json").write_text(json.dumps(out, ensure_ascii=True, indent=1) + "\n")


if __name__ == "__main__":
    main()

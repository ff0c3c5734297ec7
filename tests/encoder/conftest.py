"""Small random checkpoints, saved as their libraries save them, and read back by the real loading code."""

import string

import pytest
import torch
import transformers as hf

LETTERS = string.ascii_lowercase
torch.set_num_threads(1)  # the networks are too small for two: threads would only wait for each other
WORDS = ["a", "dog", "red", "runs", "apple", "the", "##s", "fox", "big"]
TEXTS = ["a dog", "the big red fox runs", "apple", ""]


def piece_vocabulary(specials):
    """Unigram pieces: specials first, then a few words and all letters."""
    pieces = [(word, 0.0) for word in specials]
    pieces += [("▁" + word, -1.0) for word in WORDS[:6]]
    return pieces + [("▁", -3.0)] + [(letter, -5.0) for letter in LETTERS]


def bert_tokenizer():
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *LETTERS[1:]]
    return hf.BertTokenizer(vocab={word: i for i, word in enumerate(words)}, model_max_length=72)


def bert():
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 3, "intermediate_size": 32}
    return hf.BertModel(hf.BertConfig(vocab_size=64, max_position_embeddings=72, **sizes)), bert_tokenizer()


def roberta():
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "Ġ", *LETTERS]
    tokenizer = hf.RobertaTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[])
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 32}
    config = hf.RobertaConfig(vocab_size=40, max_position_embeddings=74, type_vocab_size=1, **sizes)
    return hf.RobertaModel(config), tokenizer


def xlnet():
    tokenizer = hf.XLNetTokenizer(
        vocab=piece_vocabulary(["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>"])
    )
    return hf.XLNetModel(hf.XLNetConfig(vocab_size=48, d_model=16, n_layer=2, n_head=2, d_inner=32)), tokenizer


def albert():
    tokenizer = hf.AlbertTokenizer(vocab=piece_vocabulary(["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]))
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 3, "intermediate_size": 32}
    return hf.AlbertModel(hf.AlbertConfig(vocab_size=48, embedding_size=8, **sizes)), tokenizer


def clip():
    words = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(letter + "</w>" for letter in LETTERS)]
    tokenizer = hf.CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=24)
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 32}
    ends = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    text = {"vocab_size": 54, "max_position_embeddings": 24, **ends, **sizes}
    vision = {"image_size": 32, "patch_size": 8, **sizes}
    return hf.CLIPModel(hf.CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)), tokenizer


def align():
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 32}
    text = {"vocab_size": 64, "max_position_embeddings": 72, **sizes}
    vision = {"image_size": 32, "hidden_dim": 64, "depthwise_padding": [], "num_block_repeats": [1, 1, 2]}
    vision |= {"kernel_sizes": [3, 3, 5], "in_channels": [32, 16, 24], "out_channels": [16, 24, 24]}
    vision |= {"strides": [1, 1, 2], "expand_ratios": [1, 6, 6], "width_coefficient": 1.0, "depth_coefficient": 1.0}
    config = hf.AlignConfig(text_config=text, vision_config=vision, projection_dim=24)
    return hf.AlignModel(config), bert_tokenizer()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """Return a function: kind -> folder with a small random checkpoint and its tokeniser."""
    makers = {"bert": bert, "roberta": roberta, "xlnet": xlnet, "albert": albert, "clip": clip, "align": align}
    made = {}

    def make(kind):
        if kind not in made:
            torch.manual_seed(list(makers).index(kind))  # whatever the order of the tests
            model, tokenizer = makers[kind]()
            with torch.no_grad():  # fresh networks are near zero: every token would look alike
                for name, parameter in model.named_parameters():
                    if "norm" not in name.lower() and "batch" not in name:
                        parameter.normal_(std=0.3)
            folder = tmp_path_factory.mktemp(kind)
            model.eval().save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            made[kind] = str(folder)
        return made[kind]

    return make


@pytest.fixture
def texts():
    return list(TEXTS)


@pytest.fixture(autouse=True)
def _same_random_numbers():
    torch.manual_seed(0)

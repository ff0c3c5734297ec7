"""Language by script and by words."""

from functools import cache

import pytest

from xret.clean.text.language import Language

TEXTS = {
    "en": "A small brown dog is running across the green field after a ball.",
    "de": "Ein kleiner brauner Hund läuft über die grüne Wiese einem Ball hinterher.",
    "fr": "Un petit chien brun court à travers le champ vert après une balle.",
    "es": "Un pequeño perro marrón corre por el campo verde detrás de una pelota.",
    "zh": "一只棕色的小狗在绿色的草地上追球",
    "ja": "茶色い小さな犬が緑の野原でボールを追いかけている",
    "ko": "작은 갈색 개가 푸른 들판에서 공을 쫓아 달린다",
    "ru": "Маленькая коричневая собака бежит по зелёному полю за мячом",
    "ar": "كلب بني صغير يركض في الحقل الأخضر خلف الكرة",
}


@cache  # reading the model takes half a second
def step(*allowed):
    return Language(allowed)


@pytest.mark.parametrize("allowed", ["en", "de", "zh", "ja", "ru"])
def test_captions_in_other_languages_are_left_out(allowed):
    kept = {language for language, text in TEXTS.items() if step(allowed)(text).value == text}
    assert kept == ({allowed, "zh"} if allowed == "ja" else {allowed})  # Chinese characters alone may be Japanese


def test_chinese_characters_among_kana_are_japanese():
    assert step("zh")("東京タワーの夜景").value is None
    assert step("ja")("東京タワーの夜景").reason == ""
    assert step("zh")("优の良品红色连衣裙").reason == ""  # one kana is an ornament


def test_the_language_found_is_told():
    assert step("en")(TEXTS["de"]).reason == "language is de"
    assert step("en")(TEXTS["zh"]).reason == "letters are Chinese"


@pytest.mark.parametrize(
    "caption",
    ["Hund", "croissant", "São Tomé & Príncipe", "Un chien", "12 345", "🍕", "犬", "日本 sushi bar on the corner"],
)
def test_short_captions_are_kept_on_thin_evidence(caption):
    assert step("en")(caption).value == caption


def test_several_languages_may_be_allowed_and_none_means_all():
    assert [step("en", "zh")(TEXTS[k]).value is None for k in ("en", "zh", "de")] == [False, False, True]
    assert all(step()(text).value == text for text in TEXTS.values())


def test_real_names_in_english_are_kept(english):
    assert [name for name in english if step("en")(name).value is None] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"allowed": ["english"]}, "ISO 639-1"),
        ({"certainty": 1.0}, "certainty must"),
        ({"min_letters": 0}, "min_letters must"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Language(**arguments)

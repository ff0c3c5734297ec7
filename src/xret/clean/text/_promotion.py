"""Patterns of promotion: links, contacts, prices and discounts."""

import re

_MONEY = r"(?:US)?[$€£¥￥]\s?\d[\d.,]*|\d[\d.,]*\s?(?:dollars|usd|eur|gbp|rmb|cny)\b"
_PERCENT = r"\d{1,3}(?:\.\d+)?\s?%"
_MESSENGER = r"(?:we\s?chat|whats\s?app|telegram|qq|vx|微信号?|加?v信|薇信|扣扣)"
_CALL = r"\b(?:call|tel|phone|mobile|hotline|fax|sms|text us|contact)\b|电话|热线|手机|致电|联系(?:电话|方式)?"
_DOMAIN = r"(?:[a-z0-9-]{2,40}\.){1,3}(?:com|net|org|shop|store|cn|co\.uk|io)"
_FROM = r"(?:\b(?:follow|via|by|from|credit|ig|insta|instagram|twitter)\s?:?\s{0,2})?"
_TAG = r"[#＃][^\W\d_]\w{0,40}[#＃]?"
_SET_OFF = "[\\s★☆●◆■【】!！~～*.,，|·•()（）-]"
_ONLY = r"\b(?:only|just|now|from|for only|sale price|price)\b|仅售?|只要|特价|现价|券后|低至|售价"
_SAVE = r"(?:\b(?:save|now|get|extra|up to|sale|take|enjoy)\s){0,3}"
_WHEN = r"(?:\s(?:today|now|everything|all items|sale|selected items))?"


def _any(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


# name -> what a caption must have for the pattern to be tried, and the pattern; all are bounded or free of overlaps.
PATTERNS: dict[str, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "link": (
        re.compile(r"\."),
        _any(
            r"(?:https?://|www\.)[^\s<>\"'，。）)\u3400-\u9fff]+",
            rf"(?<![\w.@-]){_DOMAIN}(?:/[\w./?=&%#-]*)?(?![\w@-])",
        ),
    ),
    "e-mail": (re.compile("@"), _any(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,4}[a-z]{2,10}\b")),
    "handle": (re.compile("@"), _any(rf"{_FROM}(?<![\w@.])@[a-z_][\w.]{{1,29}}")),
    "hashtag": (
        re.compile("[#＃]"),
        _any(rf"^(?:{_SET_OFF}*{_TAG}(?!\S))+", rf"(?:(?:^|(?<=\s)){_TAG}{_SET_OFF}*){{1,100}}$"),
    ),
    "price": (
        re.compile(r"\d"),
        _any(rf"(?:{_ONLY})\s?:?：?\s?(?:{_MONEY}|\d[\d.,]*\s?元)(?:\s?(?:only|each|now|起)\b)?"),
    ),
    "discount": (
        re.compile(r"\d|half", re.IGNORECASE),
        _any(
            rf"{_SAVE}(?:{_PERCENT}|\d{{1,3}}\s?percent|(?:{_MONEY}))\s?(?:off|discount)\b{_WHEN}",
            rf"\b(?:save|discount)\s(?:up to\s)?(?:{_PERCENT}|{_MONEY})",
            r"\bhalf\soff\b",
            r"(?:低至|仅|享|全场)?(?<![\d.])\d(?:\.\d)?\s?折(?:优惠|起|包邮|特惠|促销)?(?![叠纸扇页伞])",
        ),
    ),
    "number": (
        re.compile(r"\d|[:：]"),
        _any(
            rf"(?:{_CALL}|{_MESSENGER})(?:\sus)?(?:\sat|\son)?\W{{0,3}}\+?\d[\d() -]{{4,18}}\d",
            rf"(?:加|添加|\badd\s)?{_MESSENGER}(?:\sid)?\s?[:：]\s?[a-z][\w-]{{4,19}}",
            r"(?<!\d)1[3-9]\d{9}(?!\d)",
            r"(?<![\w+])\+\d{1,3}[ -]?\d{2,4}(?:[ -]?\d{2,4}){2,3}(?!\d)",
        ),
    ),
}

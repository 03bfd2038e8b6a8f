"""Variants of one person's name are recognised, whichever way round they stand."""

import pytest

from portal.idv.names import NameKind, compare_names, equal_name, same_name
from portal.idv.words import Evidence

ALIKE = {
    NameKind.GIVEN: """
        Dan | Daniel; Bill | William; Liz | Elizabeth; Pepe | José; Gosia | Małgorzata
        Sasha | Aleksandr
        Mohammed | Muhammad; Abdul Rahman | Abdelrahman; Yusuf | Youssef; Łukasz | Lukasz
        Søren | Soeren
        MARÍA josé | Maria Jose; María José | Maria; J. Robert | John Robert; John R. | John Robert
        Anne-Marie | Annemarie; Anne-Marie | Anne Marie; Robert John | John Robert; Jonh | John
        Elizabeth | Elizabteh; Micheal | Michael; Phillip | Philip; Lakshmi | Laxmi; Sergei | Sergey
        محمد | Mohamed; عبد الرحمن | Abdul Rahman; Александр | Alexander; Саша | Alexander
        Юлия | Yulia
        Αλέξανδρος | Alexandros; יוסף | Yosef; สมชาย | Somchai; 민준 | Min-jun; さくら | Sakura; 伟 | Wei
        राजेश | Rajesh; Արմեն | Armen; გიორგი | Giorgi; কুমার | Kumar; Ｄａｎｉｅｌ | Daniel
        Thúy | Thuy; Hoà | Hòa; Thanh Thuỷ | Thanh Thủy; HƯỜNG | Huong; Zoé | Zoè; Noël | Noél
        Salomé | Salomè; Thúy\ufe0f | Thúy
        आनंद | आनन्द; संजय | सञ्जय; चाँदनी | चांदनी; फ़ातिमा | फातिमा; 葛\U000e0100 | 葛
    """,
    NameKind.FAMILY: """
        O'Brien | OBrien; O’Brien | O'Brien; Müller | Mueller; Müller | Muller; Nguyễn | Nguyen
        McDonald | MacDonald
        de la Cruz | Dela Cruz; García Márquez | Garcia; Smith-Jones | Jones; van Dijk | Dijk
        St. John | Saint John
        Чайковский | Tchaikovsky; Tchaikovsky | Chaikovskii; Đoković | Djokovic; 陈 | 陳; 陳 | Chan
        佐藤 | Satoh
        القذافي | Al-Gaddafi; 이 | Lee; King Jr. | King; Medvedev | Medwedew; de Jong | Jong; Le Gall | Gall
        髙橋 | Takahashi; 山﨑 | Yamazaki; 櫻井 | Sakurai
        髙橋 | 高橋; 山﨑 | 山崎; 齋藤 | 斎藤; 渡邊 | 渡辺; 渡邉 | 渡邊; 澤田 | 沢田; 廣瀨 | 広瀬; 眞田 | 真田
    """,
    NameKind.MIDDLE: "Robert | R.; Maria | M",
    NameKind.FULL: "王伟 | Wang Wei; 王伟 | Wei Wang; 山田太郎 | Taro Yamada; Robert Smith | Smith Robert",
}


def pairs(table):
    """Return (kind, left, right) for each pair of a table such as the one above."""
    for kind, text in table.items():
        for pair in text.replace("\n", ";").split(";"):
            if pair.strip():
                left, right = pair.split("|")
                yield kind, left.strip(), right.strip()


@pytest.mark.parametrize(("kind", "left", "right"), [*pairs(ALIKE)])
def test_variants_of_one_name_match_both_ways(kind, left, right):
    assert same_name(left, right, kind), compare_names(left, right, kind)
    assert same_name(right, left, kind)


def test_a_likeness_says_on_what_evidence_it_rests():
    assert compare_names("Daniel", "daniel").evidence is Evidence.EQUAL
    assert compare_names("José", "Jose").evidence is Evidence.ACCENTS
    assert compare_names("Dan", "Daniel").evidence is Evidence.FAMILIAR
    assert compare_names("Иван", "Ivan").evidence is Evidence.ROMANISED
    assert compare_names("Elizabteh", "Elizabeth").evidence is Evidence.TYPING
    assert compare_names("J.", "John").evidence is Evidence.INITIAL
    assert compare_names("María José", "María").evidence is Evidence.PARTIAL


def test_a_higher_threshold_asks_for_better_evidence():
    assert same_name("Dan", "Daniel", threshold=0.85)
    assert not same_name("Dan", "Daniel", threshold=0.95)
    assert same_name("Daniel", "daniel", threshold=1.0)


def test_without_evidence_no_threshold_is_low_enough():
    assert not same_name("Daniel", "Danielle", threshold=0.0)


def test_the_exact_comparison_ignores_composition_and_outer_spaces_only():
    assert equal_name("Jose\u0301 ", "José")
    assert not equal_name("jose", "Jose")
    assert not equal_name("José", "Jose")
    assert not equal_name(" ", " ")

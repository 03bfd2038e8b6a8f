"""Names of two people stay apart, however close they look."""

import pytest

from portal.idv.names import NameKind, compare_names, same_name
from tests.idv.test_names_alike import pairs

APART = {
    NameKind.GIVEN: """
        Daniel | Danielle; Christian | Christine; Jan | Jane; Kim | Tim; Ali | Alia; Marc | Mark
        Jean | Jan; Jon | Joan
        Maria | Mario; Michele | Michelle; Julia | Julie; Marina | Martina; José María | María José
        Eric | Erica
        John Robert | John Michael; Thomas E. | Thomas F.; J. Robert | K. Robert; Jean-Pierre | Jean-Paul
        Min-jun | Min-jung; Rajesh | Ramesh
        محمد | Mahmoud; كرم | Karim; حسن | Hussein; عبد الرحمن | Abdul Rahim; שרה | Shira
        अमित | Amita; 민준 | Jun-min
        Иван | Ivana; Сергей | Sergio; 小明 | Xiaomei; สมชาย | Somsak; 伟 | 卫; Abdullah | Abdul Rahman
        Xiaoming | Xiaomin; たいき | だいき; シュン | ジュン; Do-hyun | Hyun; Do Yoon | Yoon; Bin Wei | Wei
        Thúy | Thùy; Hương | Hường; Thanh Thúy | Thanh Thùy; Dũng | Dụng
        ចាន់ធី | ចាន់ធូ; စုစု | စီစီ; އަލީ | އިލާ; བསོད | བསེད
    """,
    NameKind.FAMILY: """
        Smith | Smyth; Li | Liu; Wang | Wong; Ivanov | Ivanova; Иванов | Иванова
        Kowalski | Kowalska; Hansen | Hanson
        Papadopoulos | Papadopoulou; Jónsson | Jónsdóttir; Garcia Lopez | Garcia Perez
        García López | Lopez
        Smith-Jones | Smith-Johnson; King Jr. | King Sr.; 李 | Liu; 王 | Huang; 李 | 黎
        Fernandez | Fernandes; Meyer | Meier; Lo Wong | Wong; An Li | Li; 斎藤 | 斉藤
    """,
}


@pytest.mark.parametrize(("kind", "left", "right"), [*pairs(APART)])
def test_names_of_two_people_do_not_match(kind, left, right):
    assert not same_name(left, right, kind), compare_names(left, right, kind)
    assert not same_name(right, left, kind)


@pytest.mark.parametrize("family", ["García", "Nguyen", "O'Brien", "陈", "Иванов"])
def test_siblings_share_no_more_than_the_family_name(family):
    assert not same_name(f"Paul {family}", f"Peter {family}", NameKind.FULL)

"""How alphabets are romanised: Latin with accents, Cyrillic, Greek, Armenian, Georgian.

Each row holds the spellings in passports, in scholarship and in the languages around, commonest first, with
the price of the rarer ones in tenths. The rows are ours, put together from the published systems (ICAO 9303,
BGN/PCGN, ISO 9, ISO 843, ALA-LC) and from habit; a spelling that would make two common names one is left
out.
"""

from portal.idv.romanisation import Letter, letter, table

LATIN: dict[str, Letter] = {chr(code): letter(chr(code)) for code in range(ord("a"), ord("z") + 1)}
LATIN |= table(
    """
    ä: a ae; ö: o oe; ü: u ue; å: a aa; ø: o oe; æ: ae a/2 e/3; œ: oe o/3; ß: ss s/2 sz
    á à ã ă ą ạ ả ấ ầ ẩ ẫ ậ ắ ằ ẳ ẵ ặ ǎ ȧ: a; â: a ae/4; ā: a aa
    é è ê ë ě ę ė ẹ ẻ ẽ ế ề ể ễ ệ: e; ē: e ee/1
    í ì î ï į ı ỉ ị ĩ ǐ: i; ī: i ee/1 ii
    ó ò õ ơ ọ ỏ ố ồ ổ ỗ ộ ớ ờ ở ỡ ợ ǒ: o; ô: o; ō: o oo ou oh; ő: o oe/1
    ú ù û ư ụ ủ ũ ứ ừ ử ữ ự ų ů ǔ ŭ: u; ū: u uu oo/1; ű: u ue/1; ǖ ǘ ǚ ǜ: u v yu ue/2
    ý ÿ ỳ ỵ ỷ ỹ ŷ: y; ỳ: y
    ç: c ch/2 s/3; ć: c ch/1 tj/2; č: c ch tch/2 cz/2; ĉ: c ch; ċ: c
    ď: d; đ: d dj; ð: d dh; ģ: g; ğ: g gh -/3; ĝ ġ: g; ħ: h; ĥ: h; ķ: k
    ł ļ ľ ĺ: l; ñ: n ny/2 gn/4; ń ň ņ ṇ: n; ŋ: ng; ř: r rz/2; ŕ: r
    ś ș ş: s sh/1; š: s sh; ŝ: s sh; ṣ: s; ť ț ţ ṭ: t; þ: th t/3; ŵ: w
    ž: z zh; ź ż: z zh/2; ẓ: z; ǧ: g j; ḥ: h; ḫ: kh h; ḍ: d; ə: a e; ʔ ʿ ʾ: -
    """
)

CYRILLIC = table(
    """
    а: a; б: b; в: v w f/3; г: g h gh gu/2; ґ: g; ѓ: g gj; д: d; ђ: dj d; е: e ye je ie/1
    ё: yo e o jo io/1 ye/2
    є: ye ie e je; ж: zh j z/2 g/4; з: z s/2; ѕ: dz; и: i y/1 ee/3; і: i y/1; ї: yi i ji
    й: y i j -/1; ј: j y i; к: k c/2 ck/3; л: l; љ: lj l; м: m; н: n; њ: nj n ny; о: o; п: p; р: r
    с: s ss c/4; т: t; ћ: c ch tj; ќ: k kj; у: u ou oo/2; ў: u w; ф: f ph; х: kh h ch x j/4
    ц: ts c tz z/2 cz/2; ч: ch c tch tsch cz tj/3; џ: dz dzh j/2; ш: sh s sch ch/2 sz
    щ: shch sch shh/1 sht sc/1 chtch schtsch st/2; ъ: - a u/2; ы: y i ui/3; ь: - y/2 i/2; э: e
    ю: yu iu ju u/4 iou you; я: ya ia ja a/2; қ: q k; ғ: gh g; ң: ng n; ү ұ: u; ө: o u/2; ә: a e; һ: h
    ын: yn in yne/1 ine/1; ин: in ine/1 yn/2; инъ: in
    кс: ks x cs/1; ия: ia iya ija ya/1 iia iya; ий: iy y i ij ii yi yy yj/1; ый: y yy iy yi i yj/1
    ье: ie ye e je
    ья: ya ia ia ja; ьи: yi i; ье: ye ie e; ьо: yo io o; йо: yo io jo; ай: ay ai aj ai; ей: ey ei ej ai/3
    ой: oy oi oj; ев: ev eff/1 ew ef/2; ов: ov off/1 ow of/2; дж: j dzh dj dž/9; ау: au aw
    """
)

GREEK = table(
    """
    α: a; β: v b; γ: g y/1 gh; δ: d dh th/3; ε: e; ζ: z; η: i e/1 y/2; θ: th t/1; ι: i y/1; κ: k c/1; λ: l
    μ: m; ν: n; ξ: x ks; ο ω: o; π: p; ρ: r rh/2; σ ς: s ss/1; τ: t; υ: y i u/2; φ: f ph; χ: ch h x kh; ψ: ps
    ου: ou u oo/2; αι: ai e ae; ει: ei i; οι: oi i oe/1 e/3; αυ: av au af; ευ: ev eu ef; ηυ: iv if; μπ: b mp
    ντ: nt d nd; γκ: gk g ng; γγ: ng gg; γι: gi y yi; γε: ge ye; τζ: tz j/2; τσ: ts; χρ: chr hr kr/2 khr
    """
)

ARMENIAN = table(
    """
    ա: a; բ: b p/1; գ: g k/1; դ: d t/1; ե: e ye; զ: z; է: e; ը: y e u/1; թ: t th/1; ժ: zh j/1; ի: i; լ: l
    խ: kh x h/2; ծ: ts dz/1 tz; կ: k g/1; հ: h; ձ: dz ts/1; ղ: gh l/2; ճ: ch j/1; մ: m; յ: y h/1 i j; ն: n
    շ: sh ch/3; ո: o vo; չ: ch; պ: p b/1; ջ: j ch/1; ռ: r rr/1; ս: s; վ: v w; տ: t d/1; ր: r; ց: ts tz c/2
    ւ: v w; փ: p ph; ք: k q/2; օ: o; ֆ: f; ու: u ou; և: ev yev; եւ: ev yev; յա: ya ia; եա: ya ia ea
    յու: yu iu
    իա: ia ya
    """
)

GEORGIAN = table(
    """
    ა: a; ბ: b; გ: g; დ: d; ე: e; ვ: v w/2; ზ: z; თ: t th/1; ი: i; კ: k; ლ: l; მ: m; ნ: n; ო: o; პ: p; ჟ: zh
    რ: r; ს: s; ტ: t; უ: u ou/1; ფ: p ph f/3; ქ: k q/1; ღ: gh g/2; ყ: q k y/4; შ: sh; ჩ: ch; ც: ts c; ძ: dz
    წ: ts tz; ჭ: ch tch/2; ხ: kh h/1 x; ჯ: j dj/1; ჰ: h
    """
)

"""Corners of the formats: small texts whose verdicts are compared, and the known gaps of each grammar."""

# fmt: off
CORNERS = {
    "csv": [
        "", ",", "a,b\r\n", "a\nb", '"a\n""b",c', '"a"b', '"a', '"a" ,b', '""', '""""', '"""', "a\n\nb", "\n", "é,ü",
    ],
    "email": [
        "a@b.co", "a.b@c.de", ".a@b.co", "a.@b.co", "a..b@c.de", "a@b", "a@b.c", "a@-b.co", "a@b-.co", "a@b..co",
        "@b.co", "a@b.co.", "a b@c.de", "a@b.1", "a@1.b", "a@b@c.de", "a+b!#$%&'*+/=?^_`{|}~-@x-1.org",
        "a" * 64 + "@b.co", "a@" + "b" * 63 + ".co", "a@" + "b" * 64 + ".co", "", "a@b.co\n",
    ],
    "graphql": [
        "{a}", "query{a}", "queryA{a}", "query A{a}", "query query{query}", "{a:b}", "{a(b:1)}", "{a()}", "{...on}",
        "{...on A{a}}", "{... on on{a}}", "{...@a{b}}", "{...{a}}", "{...A@b}", "fragment on on A{a}",
        "fragment A on on{a}", "{a(b:true c:null d:on e:$f)}", "{a(b:01)}", "{a(b:1a)}", "{a(b:1.)}", "{a(b:1.5e-3)}",
        "{a(b:-0)}", "{a(b:-)}", '{a(b:"\\n\\u00e9\\u{1F600}")}', '{a(b:"\\x")}', '{a(b:"""x"y\\"""z""")}',
        '{a(b:"")}', '{a(b:"""a"""")}', "enum A{true}", "enum A{on}", "type A", "type A{}",
        "type A implements B&C@d{e(f:G=1):[H!]!}", "extend type A", "extend type A@b", "union A=|B|C", "union A=",
        "directive@a on FIELD|QUERY", "directive@a on FOO", "scalar FIELD", '"d" query{a}', '"d" {a}', '"""d"""type A',
        "query($a:A=$b){c}", "query($a:A=B){c}", "query($a:[A){b}", ",{a,,b},#c", "schema{query:A}", "schema{a:B}",
        "extend schema@a", "input A{b:C=1}", "interface A implements B{c:D}", "", "{a}\xa0",
    ],
    "ip": [
        "0.0.0.0", "255.255.255.255", "256.0.0.0", "1.2.3", "1.2.3.4.5", "01.2.3.4", "::", "::1", "1::", "1::2::3",
        "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8:9", "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "::1.2.3", "12345::", "g::", ":::", ":1", "1:",
        "fe80::1%eth0", "", "::1 ",
    ],
    "iso-8601": [
        "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "20240229", "2024-13-01", "2024-04-31", "2024-366",
        "2023-366", "2024-000", "2024-W01-1", "2024W537", "2024-W54-1", "2024-W09",
        "2024W09", "2024-W01-8", "2024-02", "2024", "202",
        "12:30", "1230", "12:60", "24:00", "24:01", "12:30:45.25", "12:30:45,25", "12:30:45.", "12:30Z", "12:30+01:00",
        "12:30-00:00", "12:30+1", "2024-02-29T12:30", "20240229T1230Z", "2024-02-29T", "2024-02-29 12:30",
        "2024-060T12:30:00+05:30", "P1Y2M3DT4H5M6S", "P", "PT", "P1W", "P1Y1W", "PT0.5S", "P0.5Y1M", "P1.5D", "P1DT",
        "PT1S1M", "P1M1Y", "-P1D", "", "2024-02-29\n",
    ],
    "lark": [
        "\n", "a: b\n", "A: b\n", "a:\n", "a: \n | b\n", "?a: b -> c\n", "!?a: b\n", "a{b}: c\n", "a: b{c, d}\n",
        "a.2: b\n", 'a: "b"i "c".."d"\n', "a: /b/is\n", "a: //\n", "a: b~2..3\n", "a: b~2?\n", "a: b+?\n",
        "a: (b|c)* [d]\n", "a: (b\n", "%import a.b\n", "%import a.b -> C\n", "%import .a (B, C)\n", "%ignore A\n",
        "%declare A b\n", "%override a: b\n", "%foo a\n", "a: b # c\n", "// d\n\n", "a: b c: d\n", "A -> b\n",
        'a: "b\n', "%extend A: b | c\n", "a: b ->\n",
    ],
    "markdown-table": [
        "| a |\n|-|", "| a |\n|-|\n", "|a|b|\n|:-|-:|\n|c|\n|d|e|f|", "|a|b|\n|-|", "|a|\n|-|-|", "|a|", "",
        "|a|\n|b|", "| \\| |\n| --- |\n| `\\|` |", "||\n|-|", "|a|\n|=|", "|a|\n|::|", "|a|\n|:-:|\r\n|b|\r\n",
        "|a|\n\n|-|",
    ],
    "pddl": [
        "(define (domain a))",
        "(define (domain a) (:requirements :strips :typing) (:types b c - object) (:predicates (p ?x - b)))",
        "(define (domain a) (:predicates (p)) (:action b :parameters () :precondition (p) :effect (not (p))))",
        "(define (domain a) (:predicates (p)) (:action b :parameters () :precondition () :effect (and)))",
        "(define (domain a) (:action b :parameters () :effect (and)",
        "(define (domain a) (:predicates (p)) (:action b :precondition (p)))",
        "(define (problem a) (:domain b) (:init (p) (not (q))) (:goal (and)))",
        "(define (problem a) (:domain b) (:goal (p)) (:init))",
        "(define (problem a) (:domain b) (:objects c d) (:init (= (f) 3)) (:goal (p c)))",
        "(define (problema) (:domain b) (:init) (:goal (and)))", "(define (domain a) (:requirements :foo))", "", "()",
    ],
    "regex": [
        "", "a", "a*", "a**", "a*?", "a*+", "a+*", "*", "^*", "\\b*", "(*)", "()*", "(?:a)*", "(?=a)*", "a{2}",
        "a{2}{3}", "a{,}", "{", "a{", "{}", "a{,3}?", "a{b}", "}", "]", "[", "[]", "[]]", "[^]", "[^]]", "[a-]",
        "[-a]", "[a-z-9]", "[a-\\d]", "[\\d-a]", "[\\d-]", "[]-a]", "[[]", "[\\]]", "[\\b]", "[\\A]", "[^^]", "(", ")",
        "(?:", "(?a)b", "(?i)(?m)a", "a(?i)", "(?i:a)", "(?i-s:a)", "(?-:a)", "(?i-i:a)", "(?-a:b)", "(?au:b)",
        "(?P<n>a)", "(?P<1>a)", "(?P<n>a", "(?>a)", "(?<=a)", "(?<a)", "(?#a)b", "a(?#b)*", "(?#", "\\", "\\q", "\\.",
        "\\x41", "\\x4", "\\u00e9", "\\U0010ffff", "\\U00110000", "\\0", "\\018", "\\377", "\\477", "|", "a||b", "a|*",
        "\\\n", "\\Z+", "(|a)", "(?i", "$", "$?", ".", "\\é", "é+",
    ],
    "semver": [
        "1.2.3", "1.2", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.3-a", "1.2.3-0", "1.2.3-01", "1.2.3-0a", "1.2.3-a..b",
        "1.2.3-a.b+c", "1.2.3+01", "1.2.3+", "1.2.3+a+b", "1.2.3--", "v1.2.3", "1.2.3-é", "", "1.2.3-a_b", "0.0.0",
        "1.2.3 ",
    ],
    "smiles": [
        "C", "CC", "C=C", "C==C", "C=", "=C", "C(C)C", "C(=O)O", "C()C", "(C)C", "C(C", "C)C", "C((C))C", "C.C",
        "C..C", ".C", "C.", "c1ccccc1", "C1CC1", "C%11CC%11", "C%1CC%1", "1CC1", "C(1)CC1", "[CH4]", "[NH4+]", "[OH-]",
        "[13CH4]", "[C@H](F)(Cl)Br", "[C", "C]", "[]", "[Xx]", "Cl", "Br", "X", "N#N", "F/C=C/F", "F\\C=C/F", "*",
        "[*]", "C-C", "[CH3-]", "[H][H]", "[C:]", "C$C", "CC ", "C C", "C1CC=1", "C=1CC1", "C[Si](C)(C)C", "[2H]C",
    ],
    "toml": [
        "", "\n", "a=1", "a = 1 # b", "a=1\nb=2", "a=1 b=2", 'a.b.\'c\'."d"=1', "a..b=1", "=1", "a=", "a", "[a]",
        "[a.b]\n", "[]", "[[a]]", "[[a]", "[ [a] ]", "a=[1,2,]", "a=[\n1 # b\n,\n2]", "a=[,]", "a=[1 2]", "a={}",
        "a={b=1,c={}}", "a={b=1,}", "a={\n}", "a=01", "a=+1", "a=1_000", "a=1__0", "a=_1", "a=0xFf", "a=0XF", "a=+0x1",
        "a=0b12", "a=1.5", "a=1.", "a=.5", "a=1e5", "a=1.e5", "a=inf", "a=-nan", "a=Inf", "a=true", "a=True",
        "a=1979-05-27", "a=1979-05-27T07:32:00Z", "a=1979-05-27 07:32:00.5-07:00", "a=1979-02-29", "a=07:32:00",
        "a=07:32", "a=24:00:00", "a=1979-05-27T07:32:00+7:00", 'a="b"', 'a="\\n\\u00e9"', 'a="\\q"', 'a="\\ud800"',
        'a="b', "a='\\q'", 'a="""b\n"c""d"""', 'a="""b""""', 'a="""b""""""', "a='''b''''", 'a="""\\\n  b"""',
        'a="""\\ b"""', '"a b"=1', '"""a"""=1', "3.14=1", "a=1\r\nb=2\r\n", "a=1\rb=2", "#\x00", "#\t", 'a="\t"',
        'a="\x00"', "é=1",
    ],
    "uri": [
        "a:", "a:b", "http://a.b/c?d#e", "http://", "http:///a", "http://a:80", "http://a:b", "http://a@b",
        "http://[::1]/", "http://[::1", "http://[v1.a]", "//a", "/a", "a", "1a:b", "a:%41", "a:%4", "a:b c", "a:é",
        "a:b#c#d", "a:?b?c", "mailto:a@b.c", "urn:a:b", "a+b-c.1:d", "http://a/b[c]", "", "a:/", "a:/b//c",
        "http://1.2.3.4", "http://a%20b",
    ],
    "uuid": [
        "01234567-89ab-cdef-0123-456789abcdef", "01234567-89AB-cdef-0123-456789ABCDEF",
        "00000000-0000-0000-0000-000000000000", "0123456789abcdef0123456789abcdef",
        "{01234567-89ab-cdef-0123-456789abcdef}", "01234567-89ab-cdef-0123-456789abcde",
        "01234567-89ab-cdef-0123-456789abcdef0", "0123456-789ab-cdef-0123-456789abcdef",
        "g1234567-89ab-cdef-0123-456789abcdef", "",
    ],
    "xml": [
        "<a/>", "<a></a>", "<a>b</a>", "<a", "<a>", "a", "", "<a/><b/>", " <a/>", "<a/> ", "<a b='c'/>",
        '<a b="c" d=\'e\'/>', "<a b='c'd='e'/>", "<a b=c/>", "<a b/>", "<a b='<'/>", "<a b='&lt;'/>",
        "<a>&amp;&#65;&#x41;</a>", "<a>&b;</a>", "<a>&</a>", "<a>&#0;</a>", "<a>]]></a>", "<a>]]</a>",
        "<a><![CDATA[<b>]]]></a>", "<a><!-- b --></a>", "<a><!-- b -- c --></a>", "<a><!--b---></a>",
        "<!--b--><a/><!--c-->", "<?xml version='1.0'?><a/>", " <?xml version='1.0'?><a/>",
        "<?xml version='1.0' encoding='UTF-8'?>\n<a/>", "<?xml encoding='UTF-8'?><a/>", "<?a b?><a/>",
        "<?xml-a b?><a/>", "<a><?xml b?></a>", "<a><?b c?></a>", "< a/>", "<a />", "<a / >", "</a>", "<a></a >",
        "<a></ a>", "<1/>", "<a:b/>", "<é/>", "<a>\x01</a>", "<a>é😀</a>", "<a\n\tb = 'c'\n/>", "<a>\n<b/>\n</a>",
    ],
}
"""The tool, Lark and the engine agree."""

STRICTER = {
    "csv": ['a"b', "a\rb"],
    "email": ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.co"],
    "graphql": ["{a} type B", '{a(b:"\\uD83D\\uDE00")} scalar C'],
    "lark": ["", "a: b"],
    "markdown-table": ["a|b\n-|-", " |a|\n |-|", "|a| \n|-|", "|a|\n|-|\nb", "|\\\\|\n|-|", "|a|\n|\t-|"],
    "regex": ["(a)\\1", "(?P<n>a)(?P=n)", "(a)?(?(1)b|c)", "\\N{DIGIT ONE}", "(?x)a b"],
    "xml": ["<!DOCTYPE a><a/>"],
}
"""What the header says that the tool takes and the grammar doesn't. One that closes leaves the header, too."""

LOOSER = {
    "email": ["a@xn---fo-fka.com"],
    "graphql": ['{a(b:"\\uD800")}', '{a(b:"\\u{110000}")}'],
    "pddl": ["(define (domain a) (:types b - c))"],
    "regex": ["[z-a]", "a{3,2}", "a{4294967295}", "(?P<n>a)(?P<n>b)", "(?<=a+)b"],
    "smiles": ["C1CC", "C11", "[O-]", "c", "FF(F)F"],
    "toml": ["a=1\na=2", "[a]\n[a]", "a.b=1\na=2"],
    "xml": ["<a></b>", "<a b='1' b='2'/>"],
}
"""What the header says that the grammar takes and the tool doesn't."""
# fmt: on

"""Strings of each format, to start from."""

SAMPLES = {
    "date-time": ["2024-02-29T23:59:59.123Z", "1999-12-31t00:00:00-08:30", "2023-11-05T10:20:30+14:00"],
    "date": ["2024-02-29", "1900-01-31", "2100-12-01", "0004-06-30"],
    "time": ["23:59:59Z", "00:00:00.5+01:30", "12:34:56-00:00"],
    "duration": ["P1Y2M3DT4H5M6S", "P2W", "PT5M", "P1M"],
    "email": ["joe@example.com", '"a b"@x.y', "a.b+c@[127.0.0.1]", "x@[IPv6:::1]"],
    "idn-email": ["실례@실례.테스트", "joe@example.com", '"δ"@b.c'],
    "hostname": ["www.example.com", "a-b.c1", "x"],
    "idn-hostname": ["실례.테스트", "www.example.com", "ñandú.es", "אב.com", "l·l"],
    "ipv4": ["127.0.0.1", "255.249.199.99", "0.0.0.0"],
    "ipv6": ["::1", "1:2:3:4:5:6:7:8", "::ffff:192.168.0.1", "fe80::a:b", "1:2:3:4:5:6:7::"],
    "uri": ["http://a.b/c?d=e#f", "urn:x:y", "ftp://u:p@[::1]:80/", "mailto:a@b.c", "x:"],
    "uri-reference": ["/a/b", "../x?y#z", "", "//h:1/p", "http://a.b"],
    "iri": ["http://ƒøø.ßår/?∂éœ=πîx#πîüx", "x:é"],
    "iri-reference": ["/âππ", "#ƒ", "http://é"],
    "uuid": ["2eb8aa08-aa98-11ea-b4aa-73b441d16380", "00000000-0000-0000-0000-000000000000"],
    "uri-template": ["http://e.x/{term:1}/{+a,b*}", "{?q}", "a%41b"],
    "json-pointer": ["/a~0/b~1/0", "", "/"],
    "relative-json-pointer": ["0/a", "12#", "1"],
    "regex": ["^(a|[b-d]){2,3}$", "a(?=b)\\d+?", "[^x]", "(((a)))*", "x{3}", "\\x41\\u0042"],
}
"""By format."""

LETTERS = "aZé0159-./:@#?+TPDMY~{}[]()\\%·א실*"
"""What mutations put in."""


def mutant(rnd, text):
    """The text with a few slips."""
    chars = list(text)
    for _ in range(rnd.randint(1, 3)):
        at = rnd.randint(0, len(chars))
        pick = rnd.random()
        if pick < 0.35:
            chars.insert(at, rnd.choice(LETTERS))
        elif at < len(chars):
            chars[at : at + 1] = [] if pick < 0.6 else [rnd.choice(LETTERS)]
    return "".join(chars)

"""Makes uri.json: python3 uri.py > uri.json. Independent of the implementation in Go: only spec/uri.md and
spec/identity.md are followed."""

import base64
import hashlib
import json


def b32(raw):
    return base64.b32encode(raw).decode().lower().rstrip("=")


def vat_text(key, version=1):
    return b32(bytes([version]) + key + hashlib.sha256(b"vatnet v1 vat id" + key).digest()[:2])


def swiss_text(key, secret):
    return b32(secret + hashlib.sha256(b"vatnet v1 swissnum check" + key + secret).digest()[:3])


def swiss_hash(key, secret):
    return hashlib.sha256(b"vatnet v1 swiss hash" + key + secret).hexdigest()


KEY, KEY2 = bytes([9]) + bytes(31), hashlib.sha256(b"another key").digest()[:31] + b"\x11"
SECRET, ZERO, FF = bytes(range(32)), bytes(32), b"\xff" * 32
V, S = vat_text(KEY), swiss_text(KEY, SECRET)

good = []


def ok(name, locations, key=KEY, secret=SECRET):
    good.append({
        "name": name, "expect": "ok",
        "uri": f"captp://{vat_text(key)}@{','.join(locations)}/{swiss_text(key, secret)}",
        "vat": key.hex(), "locations": locations, "secret": secret.hex(), "hash": swiss_hash(key, secret),
    })


ok("IPv4", ["127.0.0.1:4711"])
ok("DNS", ["vat.example.org:443"])
ok("single label", ["localhost:1"])
ok("IPv6", ["[2001:db8::1]:65535"])
ok("IPv6 loopback", ["[::1]:4711"])
ok("several", ["a.example:1", "b.example:2", "10.0.0.7:3", "[fd00::7]:4"])
ok("eight", [f"h{i}.example:4711" for i in range(8)])
ok("same host, other port", ["a.example:1", "a.example:2"])
ok("xn--", ["xn--bcher-kva.example:80"])
ok("digits in labels", ["3com.4me:80"])
ok("hyphens", ["a-b--c.example:80"])
ok("label of 63", ["a" * 63 + ".example:80"])
ok("other vat", ["127.0.0.1:4711"], key=KEY2)
ok("other secret", ["127.0.0.1:4711"], secret=FF)
ok("longest", [c * 63 + "." + c * 43 + ":80" for c in "abcdefg"] + ["h" * 63 + "." + "h" * 58 + ":80"])
assert len(good[-1]["uri"]) == 1024

bad = []


def no(name, expect, uri):
    bad.append({"name": name, "expect": expect, "uri": uri})


def loc(name, location):
    no(name, "location", f"captp://{V}@{location}/{S}")


L = "127.0.0.1:4711"
U = f"captp://{V}@{L}/{S}"
no("empty", "URI", "")
no("blank before", "URI", " " + U)
no("line end after", "URI", U + "\n")
no("NUL after", "URI", U + "\0")
no("not ASCII", "URI", U.replace("127.0.0.1", "b\u00fccher.example"))
no("redacted", "URI", f"captp://{V[:10]}\u2026@{L}/[redacted]")
no("too long by one", "URI", good[-1]["uri"].replace("h:80/", "hh:80/"))
no("other scheme", "scheme", U.replace("captp", "https"))
no("upper-case scheme", "scheme", U.replace("captp", "CAPTP"))
no("no scheme", "scheme", U[len("captp://"):])
no("opaque", "scheme", U.replace("captp://", "captp:"))
no("no @", "vat id", f"captp://{V}{L}/{S}")
no("vat id only", "vat id", f"captp://{V}")
no("vat id cut", "vat id", f"captp://{V[:-1]}@{L}/{S}")
no("vat id long", "vat id", f"captp://{V}a@{L}/{S}")
no("vat id upper case", "vat id", f"captp://{V.upper()}@{L}/{S}")
no("vat id mistyped", "vat id", f"captp://{V[:20]}{'a' if V[20] != 'a' else 'b'}{V[21:]}@{L}/{S}")
no("vat id of version 2", "vat id", f"captp://{vat_text(KEY, 2)}@{L}/{S}")
no("vat id of no key", "vat id", f"captp://{vat_text(ZERO)}@{L}/{swiss_text(ZERO, SECRET)}")
no("swissnum in its place", "vat id", f"captp://{S}@{L}/{S}")
no("user info", "vat id", f"captp://user:pw@{V}@{L}/{S}")
no("password behind vat id", "vat id", f"captp://{V}:pw@{L}/{S}")
no("percent in vat id", "vat id", f"captp://%61{V[1:]}@{L}/{S}")
no("no slash", "location", f"captp://{V}@{L}")
loc("no location", "")
loc("two @", f"x@{L}")
loc("no port", "127.0.0.1")
loc("empty port", "127.0.0.1:")
loc("port 0", "127.0.0.1:0")
loc("port 65536", "127.0.0.1:65536")
loc("port with zero", "127.0.0.1:080")
loc("port with sign", "127.0.0.1:+80")
loc("named port", "127.0.0.1:http")
loc("no host", ":80")
loc("upper-case host", "Example.org:80")
loc("dot at the end", "example.org.:80")
loc("dot at the start", ".example.org:80")
loc("two dots", "example..org:80")
loc("hyphen first", "-a.example:80")
loc("hyphen last", "a-.example:80")
loc("underscore", "a_b.example:80")
loc("percent", "a%2db.example:80")
loc("label of 64", "a" * 64 + ".example:80")
loc("name of 254", ".".join(["a" * 63] * 3 + ["a" * 62]) + ":80")
loc("short IPv4", "127.1:80")
loc("decimal IPv4", "2130706433:80")
loc("hexadecimal IPv4", "0x7f000001:80")
loc("octal IPv4", "0177.0.0.1:80")
loc("bare 0x", "0x:80")
loc("256", "127.0.0.256:80")
loc("five numbers", "1.2.3.4.5:80")
loc("name that ends in a number", "example.1:80")
loc("unspecified IPv4", "0.0.0.0:80")
loc("multicast IPv4", "224.0.0.1:80")
loc("IPv6 without brackets", "::1:80")
loc("IPv6 bracket open", "[::1:80")
loc("IPv6 bracket close", "::1]:80")
loc("IPv6 long form", "[0:0:0:0:0:0:0:1]:80")
loc("IPv6 upper case", "[2001:DB8::1]:80")
loc("IPv6 zone", "[fe80::1%25eth0]:80")
loc("IPv6 zone bare", "[fe80::1%eth0]:80")
loc("IPv4 in IPv6", "[::ffff:127.0.0.1]:80")
loc("IPv4 in brackets", "[127.0.0.1]:80")
loc("name in brackets", "[localhost]:80")
loc("empty brackets", "[]:80")
loc("unspecified IPv6", "[::]:80")
loc("multicast IPv6", "[ff02::1]:80")
loc("comma first", f",{L}")
loc("comma last", f"{L},")
loc("twice", f"{L},a.example:1,{L}")
loc("nine", ",".join(f"h{i}.example:4711" for i in range(9)))
no("no swissnum", "swissnum", f"captp://{V}@{L}/")
no("swissnum cut", "swissnum", U[:-1])
no("swissnum long", "swissnum", U + "a")
no("swissnum upper case", "swissnum", f"captp://{V}@{L}/{S.upper()}")
no("swissnum mistyped", "swissnum", U[:-20] + ("a" if U[-20] != "a" else "b") + U[-19:])
no("swissnum of another vat", "swissnum", f"captp://{vat_text(KEY2)}@{L}/{S}")
no("padding", "swissnum", U[:-1] + "=")
no("digit 1", "swissnum", U[:-1] + "1")
no("slash after", "swissnum", U + "/")
no("query", "swissnum", U + "?x=1")
no("fragment", "swissnum", U + "#x")
no("path before", "swissnum", f"captp://{V}@{L}/x/{S}")
no("two slashes", "swissnum", f"captp://{V}@{L}//{S}")
no("percent in swissnum", "swissnum", f"captp://{V}@{L}/%61{S[1:]}")

print(json.dumps(good + bad, indent=1))

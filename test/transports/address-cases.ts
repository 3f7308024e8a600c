/** Addresses and spellings of URLs, each with what must become of it. */

/** First and last address of every refused range, and addresses right outside that are not. */
export const REFUSED_ADDRESSES = `
  0.0.0.0 0.0.0.1 0.1.2.3 0.255.255.255
  10.0.0.0 10.0.0.1 10.1.2.3 10.255.255.255
  100.64.0.0 100.64.0.1 100.100.100.200 100.127.255.255
  127.0.0.0 127.0.0.1 127.0.0.2 127.1.2.3 127.255.255.255
  168.63.129.16
  169.254.0.0 169.254.169.254 169.254.169.253 169.254.170.2 169.254.255.255
  172.16.0.0 172.16.0.1 172.17.0.1 172.31.255.255
  192.0.0.0 192.0.0.1 192.0.0.170 192.0.0.192 192.0.0.255
  192.0.2.0 192.0.2.1 192.0.2.255 198.51.100.0 198.51.100.7 198.51.100.255 203.0.113.0 203.0.113.9 203.0.113.255
  192.88.99.0 192.88.99.1 192.88.99.255
  192.168.0.0 192.168.0.1 192.168.1.1 192.168.255.255
  198.18.0.0 198.18.0.1 198.19.255.255
  224.0.0.0 224.0.0.1 239.255.255.250 239.255.255.255
  240.0.0.0 240.0.0.1 250.1.2.3 255.255.255.254 255.255.255.255
  :: ::1 ::2 ::7f00:1 ::127.0.0.1 ::8.8.8.8 ::a:0:0:1
  ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:a9fe:a9fe ::ffff:192.168.0.1
  ::ffff:0.0.0.0 ::ffff:255.255.255.255 0:0:0:0:0:ffff:127.0.0.1 0000:0000:0000:0000:0000:FFFF:7F00:0001
  ::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8 ::fffe:8.8.8.8
  64:ff9b::127.0.0.1 64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b::a9fe:a9fe 64:FF9B::192.168.1.1 64:ff9b::
  64:ff9b:1:: 64:ff9b:1::8.8.8.8 64:ff9b:1:ffff:ffff:ffff:ffff:ffff 64:ff9b:0:1::8.8.8.8 64:ff9c::8.8.8.8
  100:: 100::1 100:0:0:1::1
  2001:: 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:0:ffff:ffff:ffff:ffff:ffff:ffff
  2001:1::1 2001:2::1 2001:3::1 2001:4:112::1 2001:10::1 2001:1f:ffff::1 2001:20::1 2001:2f:ffff::1 2001:30::1
  2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff
  2001:db8:: 2001:db8::1 2001:DB8:ffff:ffff:ffff:ffff:ffff:ffff
  2002:: 2002:7f00:1:: 2002:0a00:0001::1 2002:808:808::1 2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff
  3ffe:: 3ffe::1 3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff 3fff:: 3fff::1 3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff
  4000::1 5f00::1 8000::1 c000::1 f800::1 1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
  fc00:: fc00::1 fd00::1 fd00:ec2::254 fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff fbff::1 fe00::1
  fe80:: fe80::1 fe80::a9fe:a9fe fe80::1%eth0 febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff
  fec0:: fec0::1 feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
  ff00:: ff01::1 ff02::1 ff02::fb ff05::2 ff0e::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
  2606:4700::1%eth0 8.8.8 0x7f.1 127.1 2130706433 017700000001 localhost hooks.test 1.2.3.4.5 256.1.1.1 :: :::1 1:2:3
`.trim().split(/\s+/)

export const USABLE_ADDRESSES = `
  1.0.0.0 1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
  168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0
  192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255
  198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
  2000::1 2001:200::1 2001:4860:4860::8888 2001:db7:ffff::1 2001:db9::1 2003::1 2606:4700:4700::1111 2a00:1450::1
  2A00:1450:4001:0800:0000:0000:0000:200E 3ffd:ffff::1 3fff:1000::1 3fff:ffff::1
  ::ffff:8.8.8.8 ::ffff:808:808 0:0:0:0:0:FFFF:1.1.1.1 64:ff9b::8.8.8.8 64:ff9b::808:808
`.trim().split(/\s+/)

/** Spellings of hosts, all of addresses that are refused; the URL parser undoes some, the others are no URL. */
export const REFUSED_HOSTS = `
  127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0X7F000001 0x7f.1 0x7f.0.0.1 0x7f.0x0.0x0.0x1 017700000001 0177.1
  0177.0.0.1 0177.0.0.01 00000177.0.0.1 127.0.0.1. 127.1. 0x7f000001. 127.000.000.001 127.0.0.0x1 0x7F.00.0X00.01
  127.0.0.0x 127%2e0%2e0%2e1 %31%32%37.0.0.1 %3127.1 127.0.0.%31 0%787f.1 127。0。0。1 127．0．0．1 １２７.0.0.1
  １２７．０．０．１ ①②⑦.0.0.1 ⑫⑦.0.0.1 ０ｘ７ｆ.1 127｡0｡0｡1 127.0.0.1:80 127.0.0.1:8080 127.1:65535
  0 0.0 0.0.0.0 0x0 00 000000 0. 0.0.0.1 10.1 10.0.1 0xa.1 012.1 167772161 0x0a000001 10.0.0.1. 0xa000001
  192.168.1 192.168.257 192.11010305 3232235777 0xc0a80101 0300.0250.1.1 0xc0.0xa8.1.1 0xC0.168.0401
  172.16.1 2886729729 0xac100001 169.254.43518 2852039166 0xa9fea9fe 0xa9.0xfe.0xa9.0xfe 0251.0376.0251.0376
  169.16689662 169.254.169.254. %3169.254.169.254 ⑯⑨.254.⑯⑨.254 １６９．２５４．１６９．２５４ 0251.254.0xa9.254
  100.64.1 0x64.0x40.0.1 1681915905 224.1 0xe0000001 255.255.255.255 4294967295 0xffffffff 037777777777
  198.18.1 192.0.2.1 198.51.100.1 203.0.113.1 168.63.129.16 0xa83f8110 240.1
  [::] [::1] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::0001] [::127.0.0.1] [::ffff:127.0.0.1]
  [::FFFF:7F00:0001] [0:0:0:0:0:ffff:127.0.0.1] [::ffff:a9fe:a9fe] [::ffff:10.0.0.1] [::ffff:0:127.0.0.1]
  [64:ff9b::127.0.0.1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::1] [2002:7f00:1::] [2001::1] [2001:db8::1] [fc00::1]
  [fd00:ec2::254] [FD00:EC2::254] [fe80::1] [fec0::1] [ff02::1] [100::1] [5f00::1] [::1]:8443 [::ffff:127.0.0.1]:80
`.trim().split(/\s+/)

/** Text that is no usable URL at all, whatever it would lead to. */
export const BAD_URLS = [
  '', ' ', 'hooks.test', '//hooks.test/', '/hook', 'https:', 'https://', 'http:///', 'https:///?', 'https://?a', 'https://#',
  'ftp://hooks.test/', 'file:///etc/passwd', 'file://hooks.test/', 'gopher://hooks.test/', 'data:text/plain,x',
  'javascript:alert(1)', 'ws://hooks.test/', 'wss://hooks.test/', 'unix:/var/run/docker.sock', 'blob:https://hooks.test/1',
  'dict://hooks.test/', 'ldap://hooks.test/', 'about:blank', 'http+unix://%2Fvar%2Frun/x', 'jar:https://hooks.test!/',
  'https://user@hooks.test/', 'https://user:password@hooks.test/', 'https://:password@hooks.test/', 'https://u%40:p@hooks.test/',
  'https://127.0.0.1@hooks.test/', 'https://hooks.test@127.0.0.1/', 'https://hooks.test:443@127.0.0.1/', 'https://a@b@hooks.test/',
  'https://hooks.test:0/', 'https://hooks.test:65536/', 'https://hooks.test:-1/', 'https://hooks.test:80a/', 'https://hooks.test: 80/',
  'https://[fe80::1%25eth0]/', 'https://[fe80::1%eth0]/', 'https://[::1', 'https://::1/', 'https://[::1]x/', 'https://[127.0.0.1]/',
  'https://[]/', 'https://[:::1]/', 'https://[::1%251]/', 'https://256.0.0.1/', 'https://1.2.3.4.5/',
  'https://0x100000000/', 'https://4294967296/', 'https://127.0.0.256/', 'https://1.2.3.08/', 'https://hooks.test%00/',
  'https://hooks%0atest/', 'https://hooks.test /', ' https://hooks.test/', 'https://hooks.test/ ', 'https://hooks.test/a b',
  'https://hooks.test/\n', 'https://ho\toks.test/', 'https://hooks.test/\r\nx: y', 'https://hooks.test/\u0000', 'htt\nps://hooks.test/',
  'https://hooks<.test/', 'https://hooks>.test/', 'https://hooks^.test/', 'https://ho|oks.test/', 'https://a%2fb.test/',
  'https://%zz.test/', 'https://hooks.test%40127.0.0.1/', `https://hooks.test/${'a'.repeat(2_048)}`,
]

/** Names that a resolver must be asked about, and which must not be mistaken for addresses. */
export const NAMES = `
  hooks.test HOOKS.TEST hooks.test. localhost LOCALHOST localhost. localhost.localdomain foo.localhost ⓛocalhost
  127.0.0.1.nip.io 10.0.0.1.test a.b.c 1.2.3.com metadata.google.internal 0x7f.test bücher.test xn--bcher-kva.test
  127-0-0-1.test a_b.test -a.test 127.0.0.1.x ip6-localhost
`.trim().split(/\s+/)

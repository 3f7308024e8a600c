/** What is inside, told by arithmetic and independently of the code under test. */
import { isIPv4, isIPv6 } from 'node:net'

/** First and last address of each range, as whole numbers. */
const INSIDE_4 = `
  0.0.0.0-0.255.255.255 10.0.0.0-10.255.255.255 100.64.0.0-100.127.255.255 127.0.0.0-127.255.255.255
  169.254.0.0-169.254.255.255 172.16.0.0-172.31.255.255 192.0.0.0-192.0.0.255 192.0.2.0-192.0.2.255
  192.88.99.0-192.88.99.255 192.168.0.0-192.168.255.255 198.18.0.0-198.19.255.255 198.51.100.0-198.51.100.255
  203.0.113.0-203.0.113.255 224.0.0.0-255.255.255.255 168.63.129.16-168.63.129.16
`.trim().split(/\s+/).map((range) => range.split('-').map(number4) as [number, number])

function number4(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}

function number6(address: string): bigint {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const hex = (a = '0', b = '0'): string => (Number(a) * 256 + Number(b)).toString(16)
  const text = dotted ? `${dotted[1]}${hex(dotted[2], dotted[3])}:${hex(dotted[4], dotted[5])}` : address
  const [head = '', tail = ''] = text.split('::')
  const [front, back] = [head, tail].map((part) => part.split(':').filter((group) => group !== '')) as [string[], string[]]
  const missing = text.includes('::') ? 8 - front.length - back.length : 0
  const groups = [...front, ...Array<string>(missing).fill('0'), ...back]
  return groups.reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n)
}

export function isInside(address: string): boolean {
  if (isIPv4(address)) {
    const number = number4(address)
    return INSIDE_4.some(([first, last]) => number >= first && number <= last)
  }
  if (!isIPv6(address) || address.includes('%')) return true
  const number = number6(address)
  const carried = [0xffffn, 0x64ff9bn << 64n].some((prefix) => number >> 32n === prefix)
  if (carried) {
    const low = Number(number & 0xffffffffn)
    return INSIDE_4.some(([first, last]) => low >= first && low <= last)
  }
  const top = number >> 112n
  if (top < 0x2000n || top > 0x3fffn) return true
  return top === 0x2002n || top === 0x3ffen || (number >> 108n) === 0x3fff0n || (number >> 96n) === 0x20010db8n
    || (top === 0x2001n && ((number >> 96n) & 0xffffn) < 0x200n)
}

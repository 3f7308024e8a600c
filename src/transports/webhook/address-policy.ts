/**
 * Which addresses may be dialled.
 *
 * Of IPv4, everything but the ranges below. Of IPv6, nothing but global unicast (2000::/3) without the ranges
 * below: what is not assigned yet cannot turn out to lead inside later. An address that carries an IPv4 address
 * through a gateway this network may really have (mapped, NAT64) is judged as what it carries; the tunnels of
 * old (6to4, Teredo, compatible, translated) are refused whole.
 */
import { BlockList, isIP } from 'node:net'
import { validationError } from '../../core/errors.js'

type Family = 'ipv4' | 'ipv6'

const REFUSED: readonly (readonly [name: string, ...ranges: string[]])[] = [
  ['unspecified', '0.0.0.0/8'],
  ['private', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'],
  ['carrier-grade NAT', '100.64.0.0/10'],
  ['loopback', '127.0.0.0/8'],
  ['link-local', '169.254.0.0/16'],
  // Public by number, but only ever the host's own agent on one large cloud.
  ['cloud platform', '168.63.129.16/32'],
  ['protocol assignments', '192.0.0.0/24', '2001::/23'],
  ['documentation', '192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32', '3fff::/20'],
  ['6to4', '192.88.99.0/24', '2002::/16'],
  ['benchmarking', '198.18.0.0/15'],
  ['multicast', '224.0.0.0/4'],
  ['reserved', '240.0.0.0/4', '3ffe::/16'],
]

const refusedRanges = REFUSED.map(([name, ...ranges]) => ({ name, list: blockList(ranges) }))
const globalUnicast = blockList(['2000::/3'])
const nat64 = blockList(['64:ff9b::/96'])

export class AddressPolicy {
  readonly #allowed: BlockList

  /** @throws VALIDATION when an entry is neither an address nor a range of addresses. */
  constructor(allowed: readonly string[] = []) {
    this.#allowed = blockList(allowed)
  }

  /** The name of the range for which the address is refused; undefined when it may be dialled. */
  refusal(address: string): string | undefined {
    const family = familyOf(address)
    // An address with a zone is of this machine's links.
    if (family === undefined || address.includes('%')) return 'not an address'
    if (family === 'ipv4') return this.#refusal4(address)
    const carried = carriedIPv4(address)
    // Asked after what it carries: `BlockList` takes a mapped address for an IPv4 one only in some versions of Node.
    if (carried !== undefined) return this.#refusal4(carried)
    if (this.#allowed.check(address, 'ipv6')) return undefined
    const range = refusedRanges.find(({ list }) => list.check(address, 'ipv6'))?.name
    return range ?? (globalUnicast.check(address, 'ipv6') ? undefined : 'not global unicast')
  }

  #refusal4(address: string): string | undefined {
    if (this.#allowed.check(address, 'ipv4')) return undefined
    return refusedRanges.find(({ list }) => list.check(address, 'ipv4'))?.name
  }
}

function familyOf(address: string): Family | undefined {
  const version = isIP(address)
  return version === 0 ? undefined : version === 4 ? 'ipv4' : 'ipv6'
}

function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', bits, ...rest] = typeof range === 'string' ? range.split('/') : []
    const family = familyOf(address)
    const longest = family === 'ipv4' ? 32 : 128
    const prefix = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : longest + 1
    if (family === undefined || address.includes('%') || rest.length > 0 || prefix > longest) {
      throw validationError('allowAddresses', 'must be addresses, or ranges such as 10.0.0.0/8')
    }
    list.addSubnet(address, prefix, family)
  }
  return list
}

/** The IPv4 address inside a mapped or NAT64 one. */
function carriedIPv4(address: string): string | undefined {
  const groups = groupsOf(address)
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  if (!isMapped && !nat64.check(address, 'ipv6')) return undefined
  const [high = 0, low = 0] = groups.slice(6)
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** The eight groups of an IPv6 address, whichever way it is written. */
function groupsOf(address: string): number[] {
  // The URL parser writes every address in one way: hexadecimal groups, at most one `::`.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const parse = (text: string): number[] => text === '' ? [] : text.split(':').map((group) => parseInt(group, 16))
  if (tail === undefined) return parse(head)
  const [front, back] = [parse(head), parse(tail)]
  return [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back]
}

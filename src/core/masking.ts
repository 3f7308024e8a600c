/** Takes secrets out of text before anybody reads it: what the program prints, and what a relay logs. */

const MASK = '***'
// Greedy up to the last @, because a password may hold one that somebody forgot to escape.
const IN_AUTHORITY = /([a-z][a-z0-9+.-]{0,30}:\/\/[^\s:@/"'`]*:)[^\s"'`]*(?=@)/gi
const WITHOUT_SCHEME = /(^|[\s"'`(=/])([\w.-]+:)(?!\/\/)[^\s@"'`]+(?=@[\w.-]+)/g
const SECRET_WORD = '(?:password|passwd|pwd|passphrase|secret|token|signature|credentials?|api[_-]?key|access[_-]?key)'
const PARAMETER = new RegExp(`([?&;,\\s{(]|^)([\\w.-]{0,64}${SECRET_WORD}=)[^&\\s"'\`;,]+`, 'gi')
/** `password: …`, `"clientSecret":"…"`, also where the quotes are escaped. */
const FIELD = new RegExp(`(\\b[\\w.-]{0,64}${SECRET_WORD}\\\\?["']?\\s*[:=]\\s*)(\\\\?["'])(?:(?!\\2)[^\\s])+`, 'gi')
const BARE_FIELD = new RegExp(`(\\b[\\w.-]{0,64}${SECRET_WORD}\\s*:\\s+)[^\\s"'\`,;\\\\]{6,}`, 'gi')
const SCHEME = /\b((?:bearer|basic)\s+)(?=[\w.~+/-]*\d)[\w.~+/=-]{8,}/gi
/** Keys that say by their beginning what they are, and signed web tokens. */
const TOKENS = new RegExp([
  '\\b(?:whsec|sk|rk|pk|ghp|gho|ghs|npm)_[A-Za-z0-9+/=_-]{12,}',
  '\\b(?:glpat|xox[abprs])-[\\w-]{12,}',
  '\\b(?:AKIA|ASIA)[A-Z0-9]{16}\\b',
  '\\beyJ[\\w-]{8,}\\.[\\w-]{8,}(?:\\.[\\w-]*)?',
].join('|'), 'g')
const SECRET_HEADER =
  /^(?:(?:proxy-)?authorization|(?:set-)?cookie|(?:.*[-_])?(?:token|secret|key|password|signature))$/i

/**
 * The same text with `***` for the passwords of URLs, also of malformed ones, for parameters and fields that are
 * named like secrets, and for what looks like a key. `values` are secrets known by themselves.
 */
export function maskSecrets(text: string, values: readonly string[] = []): string {
  let masked = text
  for (const value of values) masked = masked.replaceAll(value, MASK)
  return masked
    .replace(IN_AUTHORITY, `$1${MASK}`)
    .replace(WITHOUT_SCHEME, `$1$2${MASK}`)
    .replace(PARAMETER, `$1$2${MASK}`)
    .replace(FIELD, `$1$2${MASK}`)
    .replace(BARE_FIELD, `$1${MASK}`)
    .replace(SCHEME, `$1${MASK}`)
    .replace(TOKENS, MASK)
}

/** Headers as they may be shown: `***` for those whose name says that they are secret. */
export function maskHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) =>
    [name, SECRET_HEADER.test(name) ? MASK : maskSecrets(value)]))
}

const SECRET_VARIABLE = /(?:password|passwd|secret|token|credential|api_?key|access_?key|private_?key)/i
/** Shorter ones are words: masking them would make text unreadable and hide nothing. */
const SHORTEST_VALUE = 6

/** The values of variables that are named like secrets, the longest first. */
export function secretValues(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const values = Object.entries(env)
    .filter(([name]) => SECRET_VARIABLE.test(name))
    .map(([, value]) => value ?? '')
    .filter((value) => value.length >= SHORTEST_VALUE)
  return [...new Set(values)].sort((a, b) => b.length - a.length)
}

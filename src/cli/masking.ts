/** Takes passwords out of everything that is printed. */

const MASK = '***'
// Greedy up to the last @, because a password may hold one that somebody forgot to escape.
const IN_AUTHORITY = /([a-z][a-z0-9+.-]*:\/\/[^\s:@/"'`]*:)[^\s"'`]*(?=@)/gi
const WITHOUT_SCHEME = /(^|[\s"'`(=/])([\w.-]+:)(?!\/\/)[^\s@"'`]+(?=@[\w.-]+)/g
const PARAMETER = /([?&;\s](?:\w*password|\w*secret|\w*token|pwd|apikey|api_key)=)[^&\s"'`;]+/gi

/** The same text with `***` for the passwords of URLs, also of malformed ones, and for secret parameters. */
export function maskSecrets(text: string): string {
  return text
    .replace(IN_AUTHORITY, `$1${MASK}`)
    .replace(WITHOUT_SCHEME, `$1$2${MASK}`)
    .replace(PARAMETER, `$1${MASK}`)
}

/** Many small texts as fewer larger ones: each piece costs a turn of the stream. */

/** In characters. A text that is longer makes a piece of its own. */
const PIECE_LENGTH = 65_536

/** At most `most` texts each, with `separator` between them. */
export async function* joined(
  texts: Iterable<string> | AsyncIterable<string>, separator: string, most: number,
): AsyncGenerator<string, void> {
  let piece: string[] = []
  let length = 0
  for await (const text of texts) {
    piece.push(text)
    length += text.length
    if (piece.length < most && length < PIECE_LENGTH) continue
    yield piece.join(separator)
    piece = []
    length = 0
  }
  if (piece.length > 0) yield piece.join(separator)
}

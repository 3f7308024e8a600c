import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** One first-level heading per file; relative links lead to a file and, with an anchor, to a heading of it. */
export function checkMarkdown({ path, text, name }, root, report) {
  const lines = proseOf(text)
  const titles = lines.filter((line) => /^# \S/.test(line)).length
  if (titles !== 1) report(path, 0, `${titles} first-level headings, exactly one is wanted`)
  lines.forEach((line, index) => {
    for (const [, link] of line.replace(/`[^`]*`/g, '').matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)) {
      if (/^(?:[a-z][a-z+.-]*:|\/\/)/i.test(link)) continue
      const [target, anchor] = decodeURI(link).split('#')
      const file = target === '' ? path : target.startsWith('/') ? join(root, target) : join(dirname(path), target)
      if (!existsSync(file)) report(path, index + 1, `link to ${link}, which does not exist`)
      else if (anchor && file.endsWith('.md') && !anchorsOf(file).has(anchor)) {
        report(path, index + 1, `link to ${link}: ${target || name} has no such heading`)
      }
    }
  })
}

/** The lines with those of fenced code emptied. */
function proseOf(text) {
  let fence = ''
  return text.split('\n').map((line) => {
    const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1]
    if (fence === '' && mark) fence = mark
    else if (fence !== '' && mark?.startsWith(fence) && line.trim() === mark) fence = ''
    else if (fence === '') return line
    return ''
  })
}

const known = new Map()

/** The anchors GitHub gives to the headings of a file, and explicit ids. */
function anchorsOf(file) {
  const cached = known.get(file)
  if (cached) return cached
  const anchors = new Set()
  for (const line of proseOf(readFileSync(file, 'utf8'))) {
    for (const [, id] of line.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id)
    const heading = /^#{1,6} +(.*?)\s*#*$/.exec(line)?.[1]
    if (heading === undefined) continue
    const plain = heading.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const slug = plain.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-')
    let unique = slug
    for (let count = 1; anchors.has(unique); count += 1) unique = `${slug}-${count}`
    anchors.add(unique)
  }
  known.set(file, anchors)
  return anchors
}

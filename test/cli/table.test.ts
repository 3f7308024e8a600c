import { describe, expect, test } from 'vitest'
import { ageText, timeText } from '../../src/cli/message-view.js'
import { cut, manyLines, oneLine, widthOf } from '../../src/cli/printable.js'
import { tableLines } from '../../src/cli/table.js'

describe('text on a terminal', () => {
  test('what drives or reorders a terminal is shown as an escape', () => {
    expect(oneLine('a\u001b[2Jb\nc\td\u0000\u009b\u202ee\u2028')).toBe('a\\u001b[2Jb\\nc\\td\\u0000\\u009b\\u202ee\\u2028')
    expect(manyLines('a\r\nb\u0007')).toBe('a\nb\\u0007')
    expect(oneLine('Grüße, 世界 👋')).toBe('Grüße, 世界 👋')
  })

  test('width is counted in columns', () => {
    expect(widthOf('abc')).toBe(3)
    expect(widthOf('世界')).toBe(4)
    expect(widthOf('é')).toBe(1)
    expect(widthOf('👩‍👩‍👧')).toBe(2)
  })

  test('cut never goes over', () => {
    expect(cut('abcdef', 6)).toBe('abcdef')
    expect(cut('abcdef', 4)).toBe('abc…')
    expect(cut('世界世界', 4)).toBe('世…')
    expect(cut('abc', 0)).toBe('')
  })

  test('ages and times', () => {
    expect([0, 999, 1_000, 59_999, 60_000, 3_600_000, 90_000_000, -5].map(ageText))
      .toEqual(['0 ms', '999 ms', '1 s', '59 s', '1 m', '1 h', '1 d', '0 ms'])
    expect(timeText(0)).toBe('1970-01-01T00:00:00.000Z')
    expect(timeText(Number.MAX_SAFE_INTEGER)).toBe('9007199254740991')
  })
})

describe('table', () => {
  const columns = [{ title: 'ID' }, { title: 'TEXT', shrinksTo: 6 }, { title: 'N', align: 'right' as const }]
  const rows = [['a', 'a long text indeed', '7'], ['bb', 'short', '1,000']]

  test('columns are as wide as their widest cell', () => {
    expect(tableLines(columns, rows, undefined)).toEqual([
      'ID  TEXT                    N', 'a   a long text indeed      7', 'bb  short               1,000',
    ])
  })

  test('what may shrink does, down to its least', () => {
    expect(tableLines(columns, rows, 20)).toEqual(['ID  TEXT           N', 'a   a long t…      7', 'bb  short      1,000'])
    for (let width = 1; width < 40; width += 1) {
      for (const line of tableLines(columns, rows, width)) expect(widthOf(line)).toBeLessThanOrEqual(width)
    }
  })
})

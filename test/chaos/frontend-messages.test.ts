import { expect, test } from 'vitest'
import { FrontendMessages } from '../../chaos/faults/frontend-messages.js'

function sized(body: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(4 + body.length)
  return Buffer.concat([length, body])
}

const ENCRYPTION = sized(Buffer.from([0x04, 0xd2, 0x16, 0x2f]))
const STARTUP = sized(Buffer.concat([Buffer.from([0, 3, 0, 0]), Buffer.from('user\0me\0\0')]))
const query = (text: string): Buffer => Buffer.concat([Buffer.from('Q'), sized(Buffer.from(`${text}\0`))])
const parse = (name: string, text: string): Buffer =>
  Buffer.concat([Buffer.from('P'), sized(Buffer.from(`${name}\0${text}\0\0\0`))])

function commitsOf(packets: readonly Buffer[]): number[] {
  const messages = new FrontendMessages()
  return packets.map((packet) => messages.push(packet))
}

test.each(['commit', 'COMMIT', ' Commit;', 'end', 'commit and chain'])('a simple query of %s', (text) => {
  expect(commitsOf([STARTUP, query(text)])).toEqual([0, 1])
})

test.each(['select 1', 'commits', 'begin', 'rollback', '-- commit', "insert into t values ('commit')", 'endless'])(
  'not a query of %s', (text) => {
    expect(commitsOf([STARTUP, query(text)])).toEqual([0, 0])
  })

test('a Parse of it, named or not, but not one whose name it is', () => {
  expect(commitsOf([STARTUP, parse('', 'commit'), parse('c', 'commit'), parse('commit', 'select 1')])).toEqual([0, 1, 1, 0])
})

test('after a request for encryption, and with several in one packet', () => {
  expect(commitsOf([ENCRYPTION, Buffer.concat([STARTUP, query('begin'), query('commit'), query('commit')])])).toEqual([0, 2])
})

test('packets that are cut at every byte', () => {
  const all = Buffer.concat([STARTUP, query('begin'), parse('', 'insert into t values ($1)'), query('commit'), query('begin')])
  const commitEnds = all.length - query('begin').length
  for (let cut = 1; cut < all.length; cut += 1) {
    const [first, second] = commitsOf([all.subarray(0, cut), all.subarray(cut)])
    expect([first, second]).toEqual(cut >= commitEnds ? [1, 0] : [0, 1])
  }
  expect(commitsOf([...all].map((byte) => Buffer.from([byte]))).reduce((sum, count) => sum + count, 0)).toBe(1)
})

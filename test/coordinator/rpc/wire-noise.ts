import fc from 'fast-check'

/**
 * Bytes as a peer that means ill, or is broken, sends them: protobuf fields of any number and form, with texts that
 * mean something here. Made from the form of the wire and not from the contract, so that a field somebody adds is
 * under test without a word.
 */
export function noise(known: readonly string[] = []): fc.Arbitrary<Buffer> {
  const words = [
    ...known,
    ...['', '0', 'state=live', 'state=', '=', ',,', 'a=b,a=c', 'database=x', 'since=1e999', 'open=true', '*'],
    ...[
      'fleet',
      'site',
      'host',
      'database',
      'viewer',
      'admin',
      'service',
      'tag',
      '../../etc/passwd',
      "'; --",
    ],
    ...[
      'job_01890a5d-ac96-774b-bcce-b302099a8057',
      'bak_01890a5d-ac96-774b-bcce-b302099a8058',
      'att_',
      'agt_x',
    ],
    ...[
      '\0',
      'a\0b',
      '\ud83d',
      '😀',
      '\u202e',
      '\r\nset-cookie: x',
      '%00',
      '$(x)',
      '__proto__',
      'constructor',
    ],
    ...['x'.repeat(5_000), '{', '{"a":1}', 'a: &a [*a]', '!!js/function "x"', 'null', 'NaN', '-1'],
  ]
  // the library's own arbitrary of all characters takes seconds to make
  const characters = fc
    .array(fc.integer({ min: 0, max: 0x10_ff_ff }), { maxLength: 60 })
    .map(codes => String.fromCodePoint(...codes))
  const text = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...words) },
    { weight: 2, arbitrary: characters },
  )
  const number = fc.oneof(
    fc.constantFrom(0n, 1n, 2n, 60_000n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  )
  const { message } = fc.letrec<{ message: Buffer; field: Buffer }>(tie => ({
    message: fc.array(tie('field'), { maxLength: 8 }).map(fields => Buffer.concat(fields)),
    field: fc
      .tuple(
        fc.oneof(
          { weight: 8, arbitrary: fc.integer({ min: 1, max: 12 }) },
          { weight: 1, arbitrary: fc.constantFrom(50, 51, 60, 99, 536_870_911) },
        ),
        fc.oneof(
          { maxDepth: 3 },
          { weight: 6, arbitrary: text.map(value => [2, delimited(Buffer.from(value))] as const) },
          { weight: 4, arbitrary: number.map(value => [0, varint(value)] as const) },
          { weight: 2, arbitrary: tie('message').map(value => [2, delimited(value)] as const) },
          {
            weight: 1,
            arbitrary: fc.uint8Array({ minLength: 8, maxLength: 8 }).map(b => [1, Buffer.from(b)] as const),
          },
          { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }).map(b => [2, Buffer.from(b)] as const) },
        ),
      )
      .map(([tag, [form, value]]) => Buffer.concat([varint(BigInt(tag * 8 + form)), value])),
  }))
  return fc.oneof(
    { weight: 12, arbitrary: message },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes)) },
  )
}

/** A field of a message: number and bytes. */
export function field(tag: number, value: Buffer): Buffer {
  return Buffer.concat([varint(BigInt(tag * 8 + 2)), delimited(value)])
}

function delimited(value: Buffer): Buffer {
  return Buffer.concat([varint(BigInt(value.length)), value])
}

function varint(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = value
  do {
    const low = Number(rest & 0x7fn)
    rest >>= 7n
    bytes.push(rest === 0n ? low : low | 0x80)
  } while (rest !== 0n)
  return Buffer.from(bytes)
}

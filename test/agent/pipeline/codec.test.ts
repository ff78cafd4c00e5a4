import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { codecDefinitions } from '../../../agent/pipeline/codec.ts'
import { demandFooter } from '../../../agent/pipeline/footer.ts'
import { Meter } from '../../../agent/pipeline/meter.ts'
import { requireTools } from './bench.ts'

const tools = await requireTools('the pipeline: codec')

const { zstd } = codecDefinitions

describe.skipIf(tools.missing)('zstd’s totals', () => {
  it.each([0, 1, 1023, 1024, 65_536, 1_000_003])('are exact for %i bytes with the installed zstd', size => {
    const encoded = spawnSync('zstd', zstd?.encode({ codec: 'zstd' }), { input: Buffer.alloc(size, 'x') })
    expect(zstd?.encodeTotals?.(encoded.stderr.toString())).toEqual({
      bytesIn: size,
      bytesOut: encoded.stdout.length,
    })
    const decoded = spawnSync('zstd', zstd?.decode, { input: encoded.stdout })
    expect(zstd?.decodeTotals?.(decoded.stderr.toString())).toEqual({ bytesOut: size })
  })

  it('are read from the words of older versions, and of more than 4 GiB', () => {
    expect(
      zstd?.encodeTotals?.('/*stdin*\\            : 23.23%   (111668024 => 25941030 bytes, /*stdout*\\) \n'),
    ).toEqual({
      bytesIn: 111668024,
      bytesOut: 25941030,
    })
    expect(
      zstd?.encodeTotals?.('/*stdin*\\            :  0.00%   (4500000007 B => 141103 B, /*stdout*\\) \n'),
    ).toEqual({
      bytesIn: 4500000007,
      bytesOut: 141103,
    })
  })

  it('are nothing rather than a guess when zstd rounds them', () => {
    expect(zstd?.encodeTotals?.('/*stdin*\\ : 23.23%   (  106 MiB =>   24.7 MiB, /*stdout*\\)')).toEqual({})
    expect(zstd?.encodeTotals?.('/*stdin*\\ : 23.23%   (  6 KiB =>   24 B, /*stdout*\\)')).toEqual({})
    expect(zstd?.decodeTotals?.('/*stdin*\\           : 106 MB')).toEqual({})
  })
})

describe('the meter', () => {
  it('takes the last whole line as the count, in whatever cut, and keeps other words apart', () => {
    const seen: number[] = []
    const meter = new Meter(bytes => seen.push(bytes))
    for (const cut of ['12', '3\n45', '6\npv: warning\n7', '89\n10']) meter.read(Buffer.from(cut))
    expect(seen).toEqual([123, 456, 789])
    expect(meter.bytes).toBe(789)
    expect(meter.said).toBe('pv: warning')
  })

  describe('whose beginning dd passes on', () => {
    const records = (read: string, wrote: string) => `${read} records in\n${wrote} records out\n`
    const head = (bytes: number) => `${bytes} bytes (1.0 MB, 977 KiB) copied, 0.01 s, 9 MB/s\n`
    const meterOf = (...said: readonly string[]) => {
      const meter = new Meter(undefined, true)
      for (const text of said) meter.read(Buffer.from(text))
      return meter
    }

    it('is the sum of both, whatever dd told meanwhile', () => {
      const meter = meterOf(`\r${head(500)}`, records('16+0', '16+0'), head(1_048_576), '0\n', '77\n')
      expect(meter.bytes).toBe(1_048_653)
      expect(meterOf(records('0+1', '0+1'), '1 byte copied, 0 s, 2 B/s\n', '0\n').bytes).toBe(1)
      expect(meter.said).toBe('')
    })

    it.each([
      ['dd was killed before it told', ['77\n']],
      ['dd told of its way alone', [head(500), '77\n']],
      ['dd could not write all it had read', [records('2+0', '1+0'), head(65_536), '77\n']],
      ['pv did not start', [records('1+0', '1+0'), head(65_536)]],
    ])('has no count when %s', (_how, said) => {
      expect(meterOf(...said).bytes).toBeUndefined()
    })
  })
})

describe('the footer', () => {
  const footer = /^-- Dump completed/
  it.each(['', '\n', '-- Dump complete\n', 'x -- Dump completed', '-- Dump completed\n-- more\n'])(
    'is missed in %j',
    text => {
      expect(() => demandFooter(Buffer.from(text), footer, 'dump')).toThrow(
        expect.objectContaining({ code: 'dump.incomplete' }),
      )
    },
  )
  it.each(['-- Dump completed on 2026-11-22\n', 'x\r\n-- Dump completed\r\n', '-- Dump completed\n--\n\n'])(
    'is seen in %j',
    text => {
      expect(() => demandFooter(Buffer.from(text), footer, 'dump')).not.toThrow()
    },
  )
})

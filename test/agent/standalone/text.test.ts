import { describe, expect, it } from 'vitest'
import { formatBytes } from '../../../agent/standalone/format-bytes.ts'
import { manifestPlace, urlOf } from '../../../agent/standalone/manifest-url.ts'
import { ProgressPainter, progressLine } from '../../../agent/standalone/progress-line.ts'

describe('what standalone commands show', () => {
  it.each([
    [0, '0 B'],
    [1_023, '1023 B'],
    [1_536, '1.5 KiB'],
    [210 * 2 ** 20, '210 MiB'],
    [2 ** 50, '1.0 PiB'],
  ])('%i bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

  it('progress tells bytes, rate and the predicted end', () => {
    const line = progressLine(
      'orders',
      {
        stage: '000-full',
        rawBytes: 100 * 2 ** 20,
        storedBytes: 20 * 2 ** 20,
        predictedRawBytes: 300 * 2 ** 20,
      },
      { bytesPerSecond: 10 * 2 ** 20, remainingMs: 20_000 },
    )
    expect(line).toBe('orders  000-full  100 MiB read  20.0 MiB stored  10.0 MiB/s  about 20s left')
  })

  it('an end that nobody can predict is not shown', () => {
    const line = progressLine(
      'orders',
      { stage: '000-full', rawBytes: 10, storedBytes: 0, predictedRawBytes: 5 },
      { bytesPerSecond: 10, remainingMs: 0 },
    )
    expect(line).not.toContain('left')
  })

  it('the line never breaks, and is cleared only when it was painted', () => {
    const written: string[] = []
    let now = 0
    const painter = new ProgressPainter({
      write: text => written.push(text),
      columns: () => 30,
      now: () => now,
    })
    painter.clear()
    painter.paint('x'.repeat(200))
    painter.paint('too soon')
    now = 200
    painter.paint('again')
    painter.clear()
    expect(written).toEqual([`\r\u001b[2K${'x'.repeat(29)}`, '\r\u001b[2Kagain', '\r\u001b[2K'])
  })

  it.each([
    ['s3://b/p/v1/manifests/2026/11/22/a.json', 's3://b/p', 'v1/manifests/2026/11/22/a.json'],
    ['s3://b/v1/manifests/2026/11/22/a.json', 's3://b', 'v1/manifests/2026/11/22/a.json'],
    ['file:///v1/manifests/x/v1/manifests/a.json', 'file:///v1/manifests/x', 'v1/manifests/a.json'],
  ])('%s is taken apart and put together again', (url, destinationUrl, key) => {
    expect(manifestPlace(url)).toEqual({ destinationUrl, key })
    expect(urlOf(destinationUrl, key)).toBe(url)
  })

  it.each(['s3://b/p/x.json', 's3://b/v1/manifests/x', ''])('%s is no URL of a manifest', url => {
    expect(() => manifestPlace(url)).toThrow(expect.objectContaining({ code: 'usage.invalid' }))
  })
})

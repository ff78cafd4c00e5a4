import { describe, expect, it } from 'vitest'
import type { AttemptResult } from '../../../agent/jobs/result.ts'
import { copiesShown, copyCount, destinationsOf, sourcesOf } from '../../../agent/standalone/destinations.ts'
import type { CommonOptions } from '../../../agent/standalone/options.ts'

const options = {} as CommonOptions
const key = 'v1/manifests/2026/11/22/att_x.json'

describe('several destinations of a standalone command', () => {
  it('copies of different backups are refused as one source', () => {
    expect(() =>
      sourcesOf([`file:///a/${key}`, 'file:///b/v1/manifests/2026/11/22/att_y.json'], options, {}),
    ).toThrow(expect.objectContaining({ code: 'usage.invalid' }))
  })

  it('a number of copies is a number from 1', () => {
    for (const text of ['0', '-1', 'x', '1.5', '99']) expect(() => copyCount(text)).toThrow()
    expect(copyCount('2')).toBe(2)
  })

  it('are called by their URLs; a single one is called as ever', () => {
    const several = destinationsOf(['file:///a', 'file:///b'], options, {})
    expect([several.first, ...several.further].map(({ name }) => name)).toEqual(['file:///a', 'file:///b'])
    expect(destinationsOf(['file:///a'], options, {})).toMatchObject({
      first: { name: 'standalone', profile: 'directory' },
      further: [],
    })
    expect(sourcesOf([`file:///a/${key}`, `file:///b/${key}`], options, {})).toMatchObject({
      key,
      first: { url: 'file:///a' },
      further: [{ url: 'file:///b' }],
    })
  })

  it('each is told with its manifest, or why it has none', () => {
    const failure = { code: 'copy.lagging', message: 'too slow', hint: '', context: {} } as const
    const result = {
      manifest_key: key,
      copies: [
        { destination: 'file:///a', state: 'present', debris: [] },
        { destination: 'file:///b', state: 'missing', failure, debris: [] },
      ],
    } as unknown as AttemptResult
    expect(copiesShown(result, ['file:///a', 'file:///b'])).toEqual([
      { destination: 'file:///a', state: 'present', manifest: `file:///a/${key}` },
      { destination: 'file:///b', state: 'missing', problem: 'copy.lagging: too slow' },
    ])
    expect(copiesShown({ manifest_key: key } as AttemptResult, ['file:///a'])).toEqual([
      { destination: 'file:///a', state: 'present', manifest: `file:///a/${key}` },
    ])
  })
})

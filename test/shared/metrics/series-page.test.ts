import { describe, expect, test } from 'vitest'
import { renderSeries, type SeriesRow } from '../../../shared/metrics/index.ts'

const options = {
  labels: ['id', 'name'],
  series: [
    { name: 'thing_state', help: 'How it is.', also: ['state'] },
    { name: 'thing_bytes', help: 'Its size.' },
  ],
}

async function rendered(rows: Iterable<SeriesRow>, blockBytes?: number) {
  const blocks: string[] = []
  for await (const block of renderSeries(rows, {
    ...options,
    ...(blockBytes === undefined ? {} : { blockBytes }),
  }))
    blocks.push(Buffer.from(block).toString('utf8'))
  return { text: blocks.join(''), blocks: blocks.length }
}

describe('a page of series', () => {
  test('lines of a metric stand together; what has no value has no line; text is escaped', async () => {
    const { text } = await rendered([
      { labels: ['1', 'plain'], also: ['ok'], values: [1, 20] },
      { labels: ['2', 'a "quoted\\name"\nof é'], also: ['bad'], values: [1, null] },
    ])
    expect(text).toBe(
      [
        '# HELP holdfast_thing_state How it is.',
        '# TYPE holdfast_thing_state gauge',
        'holdfast_thing_state{id="1",name="plain",state="ok"} 1',
        'holdfast_thing_state{id="2",name="a \\"quoted\\\\name\\"\\nof é",state="bad"} 1',
        '# HELP holdfast_thing_bytes Its size.',
        '# TYPE holdfast_thing_bytes gauge',
        'holdfast_thing_bytes{id="1",name="plain"} 20',
        '',
      ].join('\n'),
    )
  })

  test('very many rows come in blocks, none twice, none lost', async () => {
    const rows = Array.from({ length: 5_123 }, (_, i) => ({
      labels: [`${i}`, 'x'],
      also: ['ok'],
      values: [1, i],
    }))
    const { text, blocks } = await rendered(rows, 10_000)
    expect(blocks).toBeGreaterThan(10)
    const ids = [...text.matchAll(/thing_bytes\{id="(\d+)",name="x"\} (\d+)$/gm)].map(found =>
      Number(found[2]),
    )
    expect(ids).toEqual(rows.map((_, i) => i))
  })

  test('nothing to show is headers only', async () => {
    expect((await rendered([])).text.split('\n')).toHaveLength(5)
  })

  test('a reader that goes away ends the worker', async () => {
    const rows = Array.from({ length: 2_000 }, (_, i) => ({
      labels: [`${i}`, 'x'],
      also: ['ok'],
      values: [1, i],
    }))
    // the leak check of the harness fails this file if the worker outlived it
    for await (const block of renderSeries(rows, { ...options, blockBytes: 1_000 })) {
      expect(block.length).toBeGreaterThan(900)
      break
    }
  })
})

import { describe, expect, test } from 'vitest'
import { createMetrics } from '../../../shared/metrics/index.ts'

describe('metrics', () => {
  test('counters, gauges and histograms appear with prefix, help and labels', async () => {
    const metrics = createMetrics({ processMetrics: false })
    const ended = metrics.counter({ name: 'jobs_ended_total', help: 'Jobs that ended.', labels: ['state'] })
    ended.inc({ state: 'failed' })
    ended.inc({ state: 'failed' }, 2)
    metrics.gauge({ name: 'agents', help: 'Agents connected.' }).set(3)
    metrics.histogram({ name: 'dump_seconds', help: 'Dumps.', buckets: [1, 10] }).observe(4)
    const text = await metrics.text()
    expect(text).toContain('# HELP holdfast_jobs_ended_total Jobs that ended.')
    expect(text).toContain('holdfast_jobs_ended_total{state="failed"} 3')
    expect(text).toContain('holdfast_agents 3')
    expect(text).toContain('holdfast_dump_seconds_bucket{le="10"} 1')
  })

  test('a metric with too many label sets keeps the first ones and counts what it drops', async () => {
    const metrics = createMetrics({ processMetrics: false, seriesLimit: 10 })
    const gauge = metrics.gauge({ name: 'breaches', help: 'Breaches.', labels: ['reason'] })
    for (let index = 0; index < 1_000; index++) gauge.set(1, { reason: `r${index}` })
    const text = await metrics.text()
    expect(text.match(/^holdfast_breaches\{/gm)).toHaveLength(10)
    expect(text).toContain('holdfast_metrics_series_dropped_total{metric="holdfast_breaches"} 990')
  })

  test('a replaced gauge forgets the series that are gone', async () => {
    const metrics = createMetrics({ processMetrics: false })
    const gauge = metrics.gauge({ name: 'breaches', help: 'Breaches.', labels: ['reason'] })
    gauge.replace([{ labels: { reason: 'no-agent' }, value: 4 }])
    gauge.replace([{ labels: { reason: 'overdue' }, value: 1 }])
    const text = await metrics.text()
    expect(text).toContain('holdfast_breaches{reason="overdue"} 1')
    expect(text).not.toContain('no-agent')
  })

  test('a wide gauge is the same text, replaced at once, bounded, with whatever is in its labels', async () => {
    const metrics = createMetrics({ processMetrics: false })
    const declared = { help: 'Seen.', labels: ['agent', 'host'] } as const
    const wide = metrics.wideGauge({ name: 'wide', ...declared, seriesLimit: 2 })
    const usual = metrics.gauge({ name: 'usual', ...declared })
    const rows = [
      { labels: ['agt_1', 'a "b" \\c\nd'], value: 1.5 },
      { labels: ['agt_2', 'host2'], value: Number.POSITIVE_INFINITY },
    ]
    wide.replace([{ labels: ['agt_0', 'gone'], value: 0 }])
    wide.replace(rows)
    usual.replace(
      rows.map(({ labels: [agent = '', host = ''], value }) => ({ labels: { agent, host }, value })),
    )
    const of = (name: string, text: string) =>
      text.split('\n').filter(line => line.includes(`holdfast_${name}`))
    const text = await metrics.text()
    expect(of('wide', text)).toEqual(of('usual', text).map(line => line.replaceAll('usual', 'wide')))
    wide.replace([...rows, { labels: ['agt_3', 'host3'], value: 3 }])
    const next = await metrics.text()
    expect(next).not.toContain('agt_3')
    expect(next).toContain('holdfast_metrics_series_dropped_total{metric="holdfast_wide"} 1')
  })

  test('a collected gauge is asked at each scrape', async () => {
    const metrics = createMetrics({ processMetrics: false })
    let open = 1
    metrics.gauge({ name: 'open', help: 'Open.' }, gauge => gauge.set(open++))
    expect(await metrics.text()).toContain('holdfast_open 1')
    expect(await metrics.text()).toContain('holdfast_open 2')
  })

  test('the same metric cannot be declared twice', () => {
    const metrics = createMetrics({ processMetrics: false })
    metrics.counter({ name: 'x_total', help: 'X.' })
    expect(() => metrics.counter({ name: 'x_total', help: 'X.' })).toThrow(/already been registered/)
  })
})

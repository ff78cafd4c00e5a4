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

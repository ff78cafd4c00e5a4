import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { type WideSeries, wideText } from './wide-gauge.ts'

/** Values of a metric's labels, by label name. */
export type Labels = Readonly<Record<string, string>>

export interface CounterMetric {
  /** Adds `by` (default 1; never negative). */
  inc(labels?: Labels, by?: number): void
}
export interface GaugeMetric {
  set(value: number, labels?: Labels): void
  /** Sets these series and forgets all others: for sets that come and go, such as breaches by reason. */
  replace(series: readonly { readonly labels: Labels; readonly value: number }[]): void
}
/** A gauge with thousands of series, such as one for each agent. */
export interface WideGaugeMetric {
  /** Sets these series and forgets all others. */
  replace(series: readonly WideSeries[]): void
}
export interface HistogramMetric {
  /** In the unit of the metric's name. */
  observe(value: number, labels?: Labels): void
}

/** What a metric is, declared once, where it is counted. */
export interface MetricDeclaration {
  /** Without the prefix, snake_case with its unit: `jobs_ended_total`, `upload_bytes_total`, `dump_seconds`. */
  readonly name: string
  readonly help: string
  readonly labels?: readonly string[]
  /** Label sets this metric may have, where the limit of all is not right for it. */
  readonly seriesLimit?: number
}

/**
 * The metrics of one process. Cardinality is bounded by design: aggregates and breaches only, never a series
 * for each database (100,000 labelled series held the loop for 4.5 s per scrape). Should a metric all the same
 * grow beyond `seriesLimit` label sets, further ones are dropped and counted in `metrics_series_dropped_total`.
 */
export interface Metrics {
  counter(declaration: MetricDeclaration): CounterMetric
  /** @param collect called at each scrape, synchronously and briefly, to set what is cheaper read than kept */
  gauge(declaration: MetricDeclaration, collect?: (gauge: GaugeMetric) => void): GaugeMetric
  wideGauge(declaration: MetricDeclaration): WideGaugeMetric
  histogram(declaration: MetricDeclaration & { readonly buckets: readonly number[] }): HistogramMetric
  /** The exposition text. Scrapes at the same time share one answer. */
  text(): Promise<string>
  readonly contentType: string
}

export interface MetricsOptions {
  /** Default `holdfast_`. */
  readonly prefix?: string
  /** Label sets a metric may have; default 500. */
  readonly seriesLimit?: number
  /** Memory, CPU and event-loop lag of this process; default true. Leave out where several registries live in one process. */
  readonly processMetrics?: boolean
}

/** Makes the registry of a process. Nothing is global: tests make as many as they like. */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const prefix = options.prefix ?? 'holdfast_'
  const usual = options.seriesLimit ?? 500
  const registry = new Registry()
  if (options.processMetrics ?? true) collectDefaultMetrics({ register: registry, prefix })
  const describe = ({ name, help, labels = [] }: MetricDeclaration) => ({
    name: prefix + name,
    help,
    labelNames: [...labels],
    registers: [registry],
  })
  const dropped = new Counter(
    describe({
      name: 'metrics_series_dropped_total',
      help: 'Series not kept because their metric has too many.',
      labels: ['metric'],
    }),
  )
  const admission = ({ name: metric, seriesLimit: limit = usual }: MetricDeclaration) => {
    const seen = new Set<string>()
    return {
      admits: (labels: Labels): boolean => {
        const key = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
        if (seen.has(key)) return true
        if (seen.size >= limit) {
          dropped.inc({ metric: prefix + metric })
          return false
        }
        seen.add(key)
        return true
      },
      reset: () => seen.clear(),
    }
  }
  let scrape: Promise<string> | undefined
  const wide = new Map<string, string>()
  const all = async () => [await registry.metrics(), ...wide.values()].join('')
  return {
    contentType: registry.contentType,
    counter: declaration => {
      const counter = new Counter(describe(declaration))
      const { admits } = admission(declaration)
      return {
        inc: (labels = {}, by = 1) => {
          if (admits(labels)) counter.inc(labels, by)
        },
      }
    },
    gauge: (declaration, collect) => {
      const gauge = new Gauge({
        ...describe(declaration),
        ...(collect === undefined ? {} : { collect: () => collect(metric) }),
      })
      const { admits, reset } = admission(declaration)
      const set = (value: number, labels: Labels = {}) => {
        if (admits(labels)) gauge.set(labels, value)
      }
      const metric: GaugeMetric = {
        set,
        replace: series => {
          gauge.reset()
          reset()
          for (const { labels, value } of series) set(value, labels)
        },
      }
      return metric
    },
    wideGauge: ({ name, help, labels = [], seriesLimit: limit = usual }) => {
      const full = prefix + name
      return {
        replace: series => {
          if (series.length > limit) dropped.inc({ metric: full }, series.length - limit)
          wide.set(full, wideText(full, help, labels, series.slice(0, limit)))
        },
      }
    },
    histogram: declaration => {
      const histogram = new Histogram({ ...describe(declaration), buckets: [...declaration.buckets] })
      const { admits } = admission(declaration)
      return {
        observe: (value, labels = {}) => {
          if (admits(labels)) histogram.observe(labels, value)
        },
      }
    },
    text: () => {
      scrape ??= all().finally(() => {
        scrape = undefined
      })
      return scrape
    },
  }
}

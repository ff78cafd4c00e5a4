export {
  type CounterMetric,
  createMetrics,
  type GaugeMetric,
  type HistogramMetric,
  type Labels,
  type MetricDeclaration,
  type Metrics,
  type MetricsOptions,
  type WideGaugeMetric,
} from './metrics.ts'
export {
  renderSeries,
  type SeriesDeclaration,
  type SeriesPageOptions,
  type SeriesRow,
} from './series-page.ts'
export {
  isLoopback,
  type Page,
  type Readiness,
  type StatusServer,
  type StatusServerOptions,
  startStatusServer,
} from './status-server.ts'

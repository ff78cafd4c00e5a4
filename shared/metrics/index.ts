export {
  type CounterMetric,
  createMetrics,
  type GaugeMetric,
  type HistogramMetric,
  type Labels,
  type MetricDeclaration,
  type Metrics,
  type MetricsOptions,
} from './metrics.ts'
export {
  isLoopback,
  type Readiness,
  type StatusServer,
  type StatusServerOptions,
  startStatusServer,
} from './status-server.ts'

export { type Counts, declareCounts } from './counts.ts'
export { databaseLabels, databaseSeries, databaseSeriesPage, databaseSeriesPath } from './database-series.ts'
export { declareGauges } from './gauges.ts'
export { type Picture, takePicture } from './take-picture.ts'

export { type Counts, declareCounts } from './counts.ts'
export { declareGauges } from './gauges.ts'
export { type Picture, takePicture } from './take-picture.ts'

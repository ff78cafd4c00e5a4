export { type Growth, growthOf } from './growth.ts'
export { remember, type Sample } from './history.ts'
export { outgrowsAt, timeAllowed } from './outgrow.ts'
export { type Trend, trendOf } from './trend.ts'

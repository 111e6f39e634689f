// The options and data of one uPlot chart.

import uPlot from "uplot";
import { type Series, stacked } from "./series.ts";

export const PLOT_HEIGHT = 210;
export const COLORS = 6;

export interface PlotLook {
  readonly as: "layers" | "lines";
  /** Labels for the values along the vertical axis. */
  readonly ticks: (values: readonly number[]) => string[];
  /** The top of the vertical axis; from the data where it is missing. */
  readonly max: number | undefined;
}

export function plotData(
  days: readonly string[],
  series: readonly Series[],
  as: PlotLook["as"],
): uPlot.AlignedData {
  const lines = as === "layers" ? stacked(series) : series;
  return [
    days.map((day) => Date.parse(`${day}T00:00:00Z`) / 1000),
    ...lines.map(({ values }) => [...values]),
  ];
}

export function plotOptions(width: number, series: readonly Series[], look: PlotLook): uPlot.Options {
  const { as, ticks, max } = look;
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(name).trim();
  // The topmost layer is drawn first, so that those below cover its lower part.
  const order = as === "layers" ? [...series.keys()].reverse() : [...series.keys()];
  const axis: uPlot.Axis = {
    stroke: color("--faint"),
    font: `11.5px ${color("--sans")}`,
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: PLOT_HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    legend: { show: false },
    cursor: { y: false, points: { show: as === "lines" } },
    padding: [8, 8, 0, 0],
    scales: {
      // Half a day on each side, so that the first and the last bar are whole.
      x: { range: (_, start, end) => (as === "layers" ? [start - 43_200, end + 43_200] : [start, end]) },
      y: { range: (_, __, top) => [0, max ?? (top > 0 ? top * 1.05 : 1)] },
    },
    axes: [
      { ...axis, grid: { show: false }, values: (_, times) => times.map(dayOf), space: 64, size: 28 },
      { ...axis, values: (_, values) => ticks(values), size: 60 },
    ],
    series: [{}, ...order.map((index) => seriesOptions(as, color(`--plot-${index % COLORS}`)))],
  };
}

function seriesOptions(as: PlotLook["as"], color: string): uPlot.Series {
  if (as === "lines") return { stroke: color, width: 2, spanGaps: true, points: { size: 5, fill: color } };
  return {
    fill: color,
    stroke: color,
    width: 0,
    points: { show: false },
    ...(uPlot.paths.bars === undefined ? {} : { paths: uPlot.paths.bars({ size: [0.72, 48] }) }),
  };
}

function dayOf(seconds: number): string {
  const time = new Date(seconds * 1000);
  return time.getUTCHours() === 0
    ? time.toLocaleDateString(undefined, { day: "numeric", month: "short", timeZone: "UTC" })
    : "";
}

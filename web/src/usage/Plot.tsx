// One plot with its legend and, for those who cannot see it or want the figures, its table.

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { type Series, stacked } from "./series.ts";

const HEIGHT = 210;
const COLOURS = 6;

interface PlotProps {
  readonly title: string;
  readonly note?: string;
  readonly days: readonly string[];
  readonly series: readonly Series[];
  readonly as: "layers" | "lines";
  readonly format: (value: number) => string;
  /** The same for the values along the axis, which are seen together. */
  readonly ticks?: (values: readonly number[]) => string[];
  readonly most?: number;
}

export function Plot({ title, note, days, series, as, format, ticks, most }: PlotProps): JSX.Element {
  const place = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const target = place.current;
    if (target === null || series.length === 0) return undefined;
    let plot: uPlot | null = null;
    const draw = () => {
      plot?.destroy();
      plot = new uPlot(
        options(target.clientWidth, series, as, ticks ?? ((values) => values.map(format)), most),
        data(days, series, as),
        target,
      );
    };
    draw();
    const theme = matchMedia("(prefers-color-scheme: dark)");
    theme.addEventListener("change", draw);
    const resized = new ResizeObserver(() => plot?.setSize({ width: target.clientWidth, height: HEIGHT }));
    resized.observe(target);
    return () => {
      theme.removeEventListener("change", draw);
      resized.disconnect();
      plot?.destroy();
    };
  }, [days, series, as, format, ticks, most]);

  return (
    <section class="plot">
      <h2>{title}</h2>
      {note !== undefined && <p class="plot-note">{note}</p>}
      {series.length === 0 ? (
        <p class="plot-nothing">Nothing to show in this time.</p>
      ) : (
        <>
          <div
            ref={place}
            class="plot-canvas"
            role="img"
            aria-label={`${title}; the table below has the figures`}
          />
          <ul class="legend" aria-hidden="true">
            {series.map(({ label }, at) => (
              <li key={label}>
                <span class={`swatch colour-${at % COLOURS}`} />
                {label}
              </li>
            ))}
          </ul>
          <details>
            <summary>
              Table<span class="visually-hidden"> of {title}</span>
            </summary>
            <div class="table-frame" tabIndex={0} role="region" aria-label={title}>
              <table>
                <thead>
                  <tr>
                    <th scope="col">Day</th>
                    {series.map(({ label }) => (
                      <th key={label} scope="col">
                        {label}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {days.map((day, at) => (
                    <tr key={day}>
                      <th scope="row">{day}</th>
                      {series.map(({ label, values }) => (
                        <td key={label}>{shown(values[at] ?? null, format)}</td>
                      ))}
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </details>
        </>
      )}
    </section>
  );
}

function shown(value: number | null, format: (value: number) => string): string {
  return value === null ? "–" : format(value);
}

function data(days: readonly string[], series: readonly Series[], as: "layers" | "lines"): uPlot.AlignedData {
  const drawn = as === "layers" ? stacked(series) : series;
  return [
    days.map((day) => Date.parse(`${day}T00:00:00Z`) / 1000),
    ...drawn.map(({ values }) => [...values]),
  ];
}

function options(
  width: number,
  series: readonly Series[],
  as: "layers" | "lines",
  ticks: (values: readonly number[]) => string[],
  most: number | undefined,
): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  // The topmost layer is drawn first, so that those below cover its lower part.
  const order = as === "layers" ? [...series.keys()].reverse() : [...series.keys()];
  const axis: uPlot.Axis = {
    stroke: colour("--faint"),
    font: `11.5px ${colour("--sans")}`,
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    legend: { show: false },
    cursor: { y: false, points: { show: as === "lines" } },
    padding: [8, 8, 0, 0],
    scales: {
      // Half a day on each side, so that the first and the last bar are whole.
      x: { range: (_, min, max) => (as === "layers" ? [min - 43_200, max + 43_200] : [min, max]) },
      y: { range: (_, __, max) => [0, most ?? (max > 0 ? max * 1.05 : 1)] },
    },
    axes: [
      { ...axis, grid: { show: false }, values: (_, ticks) => ticks.map(dayOf), space: 64, size: 28 },
      { ...axis, values: (_, values) => ticks(values), size: 60 },
    ],
    series: [
      {},
      ...order.map((at): uPlot.Series => {
        const stroke = colour(`--plot-${at % COLOURS}`);
        return as === "layers"
          ? {
              fill: stroke,
              stroke,
              width: 0,
              points: { show: false },
              ...(uPlot.paths.bars === undefined ? {} : { paths: uPlot.paths.bars({ size: [0.72, 48] }) }),
            }
          : { stroke, width: 2, spanGaps: true, points: { size: 5, fill: stroke } };
      }),
    ],
  };
}

function dayOf(seconds: number): string {
  const at = new Date(seconds * 1000);
  return at.getUTCHours() === 0
    ? at.toLocaleDateString(undefined, { day: "numeric", month: "short", timeZone: "UTC" })
    : "";
}

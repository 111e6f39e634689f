import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { COLORS, PLOT_HEIGHT, plotData, plotOptions } from "./plot-options.ts";
import type { Series } from "./series.ts";

interface PlotProps {
  readonly title: string;
  readonly note?: string;
  readonly days: readonly string[];
  readonly series: readonly Series[];
  readonly as: "layers" | "lines";
  readonly format: (value: number) => string;
  /** Formats the values along the axis together; `format` one by one where it is missing. */
  readonly ticks?: (values: readonly number[]) => string[];
  /** The top of the axis. */
  readonly max?: number;
}

/** A plot with its legend and, for screen readers and exact values, its table. */
export function Plot(props: PlotProps): JSX.Element {
  const { title, note, days, series, format } = props;
  return (
    <section class="plot">
      <h2>{title}</h2>
      {note !== undefined && <p class="plot-note">{note}</p>}
      {series.length === 0 ? (
        <p class="plot-empty">No data in this period.</p>
      ) : (
        <>
          <Canvas {...props} />
          <ul class="legend" aria-hidden="true">
            {series.map(({ label }, index) => (
              <li key={label}>
                <span class={`swatch color-${index % COLORS}`} />
                {label}
              </li>
            ))}
          </ul>
          <details>
            <summary>
              Table<span class="visually-hidden"> of {title}</span>
            </summary>
            <div class="table-frame" tabIndex={0} role="region" aria-label={title}>
              <Table days={days} series={series} format={format} />
            </div>
          </details>
        </>
      )}
    </section>
  );
}

function Canvas({ title, days, series, as, format, ticks, max }: PlotProps): JSX.Element {
  const container = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const target = container.current;
    if (target === null) return undefined;
    let plot: uPlot | null = null;
    const look = { as, ticks: ticks ?? ((values: readonly number[]) => values.map(format)), max };
    const draw = () => {
      plot?.destroy();
      plot = new uPlot(plotOptions(target.clientWidth, series, look), plotData(days, series, as), target);
    };
    draw();
    const theme = matchMedia("(prefers-color-scheme: dark)");
    theme.addEventListener("change", draw);
    const observer = new ResizeObserver(() =>
      plot?.setSize({ width: target.clientWidth, height: PLOT_HEIGHT }),
    );
    observer.observe(target);
    return () => {
      theme.removeEventListener("change", draw);
      observer.disconnect();
      plot?.destroy();
    };
  }, [days, series, as, format, ticks, max]);

  return (
    <div
      ref={container}
      class="plot-canvas"
      role="img"
      aria-label={`${title}; the table below has the numbers`}
    />
  );
}

function Table({ days, series, format }: Pick<PlotProps, "days" | "series" | "format">): JSX.Element {
  const cell = (value: number | null) => (value === null ? "–" : format(value));
  return (
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
        {days.map((day, index) => (
          <tr key={day}>
            <th scope="row">{day}</th>
            {series.map(({ label, values }) => (
              <td key={label}>{cell(values[index] ?? null)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

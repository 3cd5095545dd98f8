using Easel.Server.Jobs;

namespace Easel.Server.Page;

/// <content>Plots: many pictures by one order.</content>
internal sealed partial class DrawState
{
    /// <summary>Whether a plot is drawn in place of a single run.</summary>
    public bool IsPlot => Settings.Plot.IsOn && !(Settings.Use == InputUse.Enlarge && Input is not null);

    /// <summary>How many places the plot has, as far as its axes can be read; 1 where none is drawn.</summary>
    private int PlacesOfPlot
    {
        get
        {
            if (!IsPlot) return 1;
            try
            {
                return PlotOf(new JobRequest { Request = new GenerationRequest { Prompt = Settings.Prompt } })!.Grid().Sheet.Places;
            }
            catch (InvalidRequestException)
            {
                return 1; // drawing it tells
            }
        }
    }

    /// <summary>The order of a plot; null where none is drawn.</summary>
    private GridOrder? PlotOf(JobRequest job)
    {
        var plot = Settings.Plot;
        return !IsPlot || job.Task != JobTask.Draw ? null : new GridOrder
        {
            X = plot.IsMatrix ? null : Of(plot.X),
            Y = plot.IsMatrix ? null : Of(plot.Y),
            Z = plot.IsMatrix ? null : Of(plot.Z),
            PromptMatrix = plot.IsMatrix,
            Legend = plot.HasLegend,
            Margin = plot.Margin,
            Model = job.Model,
            Vae = job.Vae,
            File = job.File,
            Request = job.Request,
        };

        static GridAxisOrder? Of(PlotAxis axis) => axis.Axis.Length == 0 ? null : new GridAxisOrder(axis.Axis, axis.Values);
    }

    /// <summary>A prompt with the words of styles, which belong to what all pictures of a matrix have.</summary>
    private string Styled(string prompt, IReadOnlyList<string> chosen)
    {
        var bar = IsPlot && Settings.Plot.IsMatrix ? prompt.IndexOf('|') : -1;
        return bar < 0 ? styles.Apply(prompt, "", chosen).Prompt : $"{styles.Apply(prompt[..bar].Trim(), "", chosen).Prompt} {prompt[bar..]}";
    }
}

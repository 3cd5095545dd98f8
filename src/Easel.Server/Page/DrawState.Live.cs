using Easel.Server.Jobs;

namespace Easel.Server.Page;

/// <content>Drawing while one types, with models of few steps.</content>
internal sealed partial class DrawState
{
    private readonly long _liveSeed = Random.Shared.NextInt64(1L << 32); // one for all, so that the words alone change the picture

    /// <summary>Whether the model draws so fast that it can be done at every change.</summary>
    public bool CanDrawAsTyped => Model?.Model is { FewSteps: not null };

    /// <summary>Whether it is done, with what is set now.</summary>
    public bool DrawsAsTyped => Settings.AsTyped && CanDrawAsTyped && !IsPlot && Settings.Prompts[0].Length > 0 && !(Input is null && NeedsPicture)
        && (Input is null || Settings.Use == InputUse.Whole) && !_wrong.Keys.Any(property => Applies(Knobs.Find(property)!));

    /// <summary>Puts one picture of what is set into the queue.</summary>
    /// <returns>The job; null where it is not to be drawn, or was refused, which <see cref="Refusal"/> tells.</returns>
    public async Task<Job?> DrawAsTyped(string client)
    {
        if (!DrawsAsTyped) return null;
        try
        {
            var asked = Drawing(null);
            asked = asked with
            {
                Request = asked.Request with
                {
                    Prompts = [asked.Request.Prompts[0]],
                    BatchCount = 1,
                    BatchSize = 1,
                    Seed = asked.Request.Seed ?? _liveSeed,
                },
            };
            Shown = null;
            return await Task.Run(() => intake.Submit(asked, client));
        }
        catch (EaselException refusal)
        {
            Refusal = refusal;
            Changed?.Invoke();
            return null;
        }
    }
}

namespace Easel.Farm;

/// <summary>The names at the broker, all of which begin with that of the queue: what a worker of one queue may touch is said by a prefix.</summary>
internal sealed record FarmNames(string Queue)
{
    /// <summary>The stream of what is to be drawn.</summary>
    public string Work => Queue + "_work";

    /// <summary>The stream of what was drawn, until the server has it.</summary>
    public string Results => Queue + "_results";

    public string AllWork => Queue + ".work.>";

    public string AllResults => Queue + ".results.>";

    /// <summary>One class of work: a subject, and a consumer of its own.</summary>
    public string WorkOf(string classId) => $"{Queue}.work.{classId}";

    public string ResultsOf(string job) => $"{Queue}.results.{job}";

    /// <summary>How far a job has come, from its worker; nothing keeps it.</summary>
    public string ProgressOf(string job) => $"{Queue}.live.progress.{job}";

    public string AllProgress => Queue + ".live.progress.*";

    /// <summary>The classes of work, told by the server to all.</summary>
    public string Table => Queue + ".live.classes";

    /// <summary>Where the server is asked how the farm stands.</summary>
    public string State => Queue + ".live.state";

    /// <summary>What the server tells the workers of a job: that somebody looks at it, or that it is cancelled.</summary>
    public string SteerOf(string job) => $"{Queue}.live.steer.{job}";

    /// <summary>The buckets of workers and of what the queue is.</summary>
    public string Workers => Queue + "-workers";

    public string Facts => Queue + "-facts";

    /// <summary>The object stores: input pictures, large results, models that are handed out.</summary>
    public string Inputs => Queue + "-inputs";

    public string Pictures => Queue + "-pictures";

    public string Models => Queue + "-models";
}

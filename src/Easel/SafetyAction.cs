namespace Easel;

/// <summary>What is done with pictures that the safety filter takes for explicit. It is a small network and errs both ways. Each
/// member does more than those before it.</summary>
public enum SafetyAction
{
    /// <summary>They are not looked at.</summary>
    Off,

    /// <summary>They are given out, and it is said.</summary>
    Tag,

    /// <summary>They are blurred until colours alone are left, and it is said.</summary>
    Blur,

    /// <summary>They are not given out: the run ends and says why.</summary>
    Refuse,
}

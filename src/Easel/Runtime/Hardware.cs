namespace Easel.Runtime;

/// <summary>The formats in which a model's weights are kept and in which it computes.</summary>
/// <param name="Kept">The weights' as far as <paramref name="Weights"/> does not say another.</param>
internal readonly record struct NumberFormat(ScalarType Kept, ScalarType Run, WeightFormat Weights = WeightFormat.Full);

/// <summary>What the machine at hand can do.</summary>
internal static class Hardware
{
    /// <summary>The device for a name.</summary>
    public static Device Device(string name)
    {
        if (name == "auto") return cuda.is_available() ? CUDA : CPU;
        if (name == "cpu") return CPU;
        if (name != "cuda" && !name.StartsWith("cuda:", StringComparison.Ordinal))
            throw new InvalidRequestException("Device", $"The device is \"{name}\"; it must be auto, cpu, cuda or cuda:N.");
        if (!cuda.is_available())
            throw new InvalidRequestException("Device",
                $"The device \"{name}\" is not at hand: there is no NVIDIA card that this build can use (a CUDA build is made with -p:EaselBackend=cuda).");
        var index = 0;
        if (name.Length > 4 && (!int.TryParse(name.AsSpan(5), out index) || index < 0 || index >= cuda.device_count()))
            throw new InvalidRequestException("Device", $"The device \"{name}\" is not at hand: there are {cuda.device_count()} CUDA devices, counted from 0.");
        return new Device(DeviceType.CUDA, index);
    }

    /// <summary>The formats for a precision on a device. A processor without bf16 or fp16 arithmetic would compute them in software, a hundred times slower
    /// than fp32; there they only halve the memory that weights take, and fp32 is computed with.</summary>
    public static NumberFormat NumberFormat(Precision precision, Device device)
    {
        var onCard = device.type == DeviceType.CUDA;
        return precision switch
        {
            Precision.Full => new(ScalarType.Float32, ScalarType.Float32),
            Precision.BFloat16 => new(ScalarType.BFloat16, onCard || Processor.HasBFloat16 ? ScalarType.BFloat16 : ScalarType.Float32),
            Precision.Float16 => new(ScalarType.Float16, onCard ? ScalarType.Float16 : ScalarType.Float32),
            _ when onCard => new(ScalarType.Float16, ScalarType.Float16),
            _ => Processor.HasBFloat16 ? new(ScalarType.BFloat16, ScalarType.BFloat16) : new(ScalarType.Float32, ScalarType.Float32),
        };
    }

    /// <summary>Memory in bytes that can still be taken without swapping, as the system or its container allows.</summary>
    public static long AvailableMemory()
    {
        // Knows of containers; but where somebody limited the managed heap it tells of that alone, and weights lie elsewhere.
        var limit = ProcessLimits.Heap is null ? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes - Environment.WorkingSet : long.MaxValue;
        if (!OperatingSystem.IsLinux()) return limit;
        foreach (var line in File.ReadLines("/proc/meminfo"))
        {
            if (line.StartsWith("MemAvailable:", StringComparison.Ordinal) && long.TryParse(line.AsSpan(13).Trim().TrimEnd(" kB"), out var kilobytes))
                return Math.Min(limit, kilobytes * 1024);
        }
        return limit;
    }
}

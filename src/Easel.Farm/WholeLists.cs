using System.Collections;
using System.Text.Json.Serialization.Metadata;

namespace Easel.Farm;

/// <summary>A rule for reading JSON that comes from elsewhere, to be put among a resolver's modifiers: no entry of a list may be null. The annotations of a
/// type say that of a list and not of what is in it.</summary>
public static class WholeLists
{
    /// <summary>Makes a type's lists refuse null.</summary>
    /// <param name="type">The type as the serializer knows it. What is set to a list with a null then throws a <see cref="JsonException"/>.</param>
    public static void Modify(JsonTypeInfo type)
    {
        ArgumentNullException.ThrowIfNull(type);
        var lists = new List<JsonPropertyInfo>();
        foreach (var property in type.Properties)
        {
            if (property.PropertyType == typeof(string) || !property.PropertyType.IsAssignableTo(typeof(IEnumerable))) continue;
            lists.Add(property);
            if (property.Set is not { } set) continue;
            property.Set = (holder, value) =>
            {
                Check(property.Name, value);
                set(holder, value);
            };
        }
        if (lists.Count == 0 || type.Kind != JsonTypeInfoKind.Object) return;
        var before = type.OnDeserialized;
        type.OnDeserialized = holder => // what is given to a constructor is not set
        {
            before?.Invoke(holder);
            foreach (var list in lists) Check(list.Name, list.Get?.Invoke(holder));
        };
    }

    private static void Check(string name, object? list)
    {
        var place = 0;
        foreach (var entry in list as IEnumerable ?? Array.Empty<object>())
        {
            if (entry is null) throw new JsonException($"Entry {place} of \"{name}\" is null; each must have a value.");
            place++;
        }
    }
}
